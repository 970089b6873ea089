// Which channels an endpoint reads, kept in step with the broker: binding the chat durable, joining and
// leaving.
//
// The filter may come to differ from what is joined without a call: another endpoint under the same id, a
// launcher, or a request of our own that arrives late can move it. So it is looked at from time to time, and
// put right in open mode. In auth mode what the durable says is what counts, unless a request of our own may
// be behind it.
//
// One that follows its durable has no list of its own to begin with: what the filter holds is joined, at the
// first bind and whenever somebody adds to it. Thread-safe; joins and leaves take turns.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/channels/chat_filter.h"
#include "endpoint/channels/filter_lacks.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/channels/owed_history.h"
#include "endpoint/delivery/settled_floor.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

class ChatMembership {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    ChatFilter::Options filter;
    bool follow = false;                                // auth mode only: join what the durable reads
    std::chrono::milliseconds move_timeout{10'000};     // of a join or leave, over lost connections
    std::function<void(const absl::Status&)> on_error;  // must be brief
    // Waits until the endpoint is bound, at most until then; the error that calls get if it is not.
    std::function<absl::Status(TimePoint)> await_live;
  };
  // What is pointed to must outlive this object.
  ChatMembership(Options options, Connection& connection, JetStreamApi& api, JoinedChannels& channels,
                 SettledFloor& floor);

  // Binds the durable `chat_<id>`, or makes it in open mode; arms what is new to it and notes the history
  // that is to be read. Does nothing as long as nothing is joined. FailedPrecondition in auth mode if the
  // durable is not there.
  absl::Status Bind();
  // The durable that was bound is gone, or another is in its place: the next bind makes up for that.
  void NoteLost();
  // What the broker says of the durable that was bound, on the connection it was bound on. True if something
  // is to be done about it, by Realign and NoteOwed. Brief.
  bool Compare(const ConsumerInfo& info);
  // Puts right what differed when it was compared last, or tells of it. Blocks.
  void Realign();
  // Of the durable that was bound last, as the broker told it; empty if none was.
  std::string durable_created();

  // False if it was joined before. Moves the filter, and notes the history that is to be read; reading it is
  // the caller's affair. Makes or binds the durable if it is the first channel of all.
  absl::StatusOr<bool> Join(std::string_view channel);
  // It may leave something owed: the history of others that an unclear leave had kept out of the filter.
  absl::StatusOr<bool> Leave(std::string_view channel);
  // Notes the history that could not be noted when its channel was joined, if there is some. An error leaves
  // it owed: try again later.
  absl::Status NoteOwed();
  // Whether some of the channel's history could not be noted yet.
  bool Owes(std::string_view channel) const { return owed_.Owes(channel); }

 private:
  struct Change {
    std::string channel;
    bool joining = false;
  };
  struct Unresolved {
    bool joining = false;
    std::uint64_t settled = 0;  // the stream's sequence up to where all was settled before it
  };
  using Channels = ChatFilter::Channels;
  using Outcome = ChatFilter::Outcome;
  using Durable = ChatFilter::Found;

  // What to report as not live.
  absl::StatusOr<Channels> BindHeld() MW_REQUIRES(filter_mutex_);
  bool IsIdle();
  // `channels` are the filter of one that is made.
  absl::StatusOr<ConsumerInfo> BindDurable(const Channels& channels) MW_REQUIRES(filter_mutex_);
  void BeginAnew() MW_REQUIRES(mutex_);
  absl::Status BindFirst(const Durable& durable, std::uint64_t frontier);
  bool IsAnother(const Durable& durable) MW_REQUIRES(mutex_);
  std::uint64_t SettledUpTo() MW_REQUIRES(mutex_);
  std::uint64_t MissedAfter(const std::string& channel) MW_REQUIRES(mutex_);
  void BindAgain(const Durable& durable, std::uint64_t frontier);
  void Resolve(const ConsumerInfo& info) MW_REQUIRES(filter_mutex_);
  // What the broker says of the filter.
  void NoteFilter(const ConsumerInfo& info) MW_REQUIRES(mutex_);
  // Binding is in chat_membership_binding.cc. Following (chat_membership_following.cc): at the first bind, at
  // a look, and what is to be said of it.
  void JoinWhatIsRead(const ConsumerInfo& info) MW_REQUIRES(mutex_);
  void NoteAdded(const ConsumerInfo& info) MW_REQUIRES(mutex_);
  bool MayAdopt() MW_REQUIRES(mutex_);
  void Adopt() MW_REQUIRES(mutex_);
  bool IsThereAlready(const std::string& channel) MW_REQUIRES(move_mutex_) MW_EXCLUDES(mutex_);
  void TellOfFilter() MW_EXCLUDES(mutex_);
  void NoteHeld(const std::string& channel) MW_REQUIRES(mutex_);
  // The filter as it should be: of what is joined, but in auth mode without what is accepted as not live.
  Channels Expected() MW_REQUIRES(mutex_);
  bool IsOursToMove();
  bool IsAstray(const ConsumerInfo& info) MW_REQUIRES(mutex_);
  absl::Status MoveToList(const ConsumerInfo& info) MW_REQUIRES(filter_mutex_);
  // Auth mode: what the filter lacks is accepted, unless that is ours to put right.
  Channels AcceptAtBind(const ConsumerInfo& info) MW_REQUIRES(filter_mutex_);
  absl::Status RealignHeld() MW_REQUIRES(filter_mutex_);
  absl::Status OnceTold(const absl::Status& status) MW_EXCLUDES(mutex_);
  absl::Status NotLive(const Channels& missing) const;

  absl::StatusOr<bool> JoinHeld(const std::string& channel) MW_REQUIRES(move_mutex_);
  bool IsRead(const std::string& channel) MW_REQUIRES(move_mutex_) MW_EXCLUDES(filter_mutex_, mutex_);
  absl::Status Move(const Change& change) MW_REQUIRES(move_mutex_);
  void NoteUnknown(const Change& change, std::uint64_t settled);
  Outcome Attempt(const Change& change) MW_EXCLUDES(filter_mutex_);
  absl::Status PrepareJoin(const std::string& channel) MW_EXCLUDES(filter_mutex_);
  Channels ListAfter(const Change& change) const;
  void SetMoving(std::string_view channel);
  void Disclaim(const Change& change);
  void Commit(const Change& change, const Channels& asked) MW_REQUIRES(filter_mutex_);
  void Forget(const std::string& channel) MW_REQUIRES(mutex_);
  void Admit(const std::string& channel) MW_REQUIRES(mutex_);

  const Options options_;
  ChatFilter filter_;
  JetStreamApi& api_;
  JoinedChannels& channels_;
  SettledFloor& floor_;
  OwedHistory owed_;

  // Held while one join or leave is under way, which blocks, also over a lost connection.
  Mutex move_mutex_;
  // Held while the filter is looked at or moved, and what that means for the channels is noted; it blocks for
  // as long as the broker or the manager takes. Taken after move_mutex_ and before mutex_.
  Mutex filter_mutex_;

  Mutex mutex_;
  bool bound_before_ MW_GUARDED_BY(mutex_) = false;
  std::string stream_created_ MW_GUARDED_BY(mutex_);
  std::string durable_created_ MW_GUARDED_BY(mutex_);
  bool lost_ MW_GUARDED_BY(mutex_) = false;
  // What lies up to here was settled, or is owed as history.
  std::uint64_t begun_at_ MW_GUARDED_BY(mutex_) = 0;
  // What lies up to here was settled when the filter was looked at last.
  std::uint64_t aligned_at_ MW_GUARDED_BY(mutex_) = 0;
  bool strayed_ MW_GUARDED_BY(mutex_) = false;
  std::string told_ MW_GUARDED_BY(mutex_);    // of what could not be put right
  std::string moving_ MW_GUARDED_BY(mutex_);  // the channel whose join or leave is under way; empty: none
  // Joins and leaves that have ended without its being known whether the filter moved.
  std::map<std::string, Unresolved, std::less<>> unresolved_ MW_GUARDED_BY(mutex_);
  FilterLacks lacking_ MW_GUARDED_BY(mutex_);
  // In the filter and not joined, with the sequence up to where all was settled before that was seen.
  std::map<std::string, std::uint64_t, std::less<>> added_ MW_GUARDED_BY(mutex_);
  std::string filter_problem_ MW_GUARDED_BY(mutex_);  // of the last look
  std::string told_problem_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
