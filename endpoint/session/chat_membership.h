// Which channels an endpoint reads, kept in step with the broker: binding the chat durable, joining and
// leaving.
//
// In open mode the endpoint moves its own durable's filter; in auth mode it asks service `self`, and what the
// durable says is what counts. Thread-safe; joins and leaves take turns.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/connection.h"
#include "endpoint/jetstream_api.h"
#include "endpoint/session/joined_channels.h"
#include "endpoint/session/settled_floor.h"
#include "proto/sender.h"

namespace meshwarden {

class ChatMembership {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::string space;
    Sender self;
    bool auth = false;
    std::chrono::milliseconds ack_wait{0};  // open mode only, as the next
    std::chrono::milliseconds inactive_threshold{0};
    std::chrono::milliseconds request_timeout{5000};
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

 private:
  struct Change {
    std::string channel;
    bool joining = false;
  };
  // What came of an attempt to move the filter.
  struct Outcome {
    absl::Status status;
    bool unknown = false;     // it may have moved, although the status is an error
    bool unanswered = false;  // so that it is worth saying again
  };
  struct Unresolved {
    bool joining = false;
    std::uint64_t settled = 0;  // the stream's sequence up to where all was settled before it
  };
  struct Durable {
    ConsumerInfo info;
    bool made = false;
  };
  using Channels = std::vector<std::string>;

  // What to report as not live.
  absl::StatusOr<Channels> BindHeld() MW_REQUIRES(filter_mutex_);
  bool IsIdle();
  // `channels` are the filter of one that is made.
  absl::StatusOr<ConsumerInfo> BindDurable(const Channels& channels) MW_REQUIRES(filter_mutex_);
  absl::StatusOr<Durable> FindDurable(const Channels& channels);
  absl::StatusOr<ConsumerConfig> OpenConfig(const Channels& channels) const;
  void BeginAnew() MW_REQUIRES(mutex_);
  absl::Status BindFirst(const Durable& durable, std::uint64_t frontier);
  bool IsAnother(const Durable& durable) MW_REQUIRES(mutex_);
  std::uint64_t SettledUpTo() MW_REQUIRES(mutex_);
  std::uint64_t MissedAfter(const std::string& channel) MW_REQUIRES(mutex_);
  void BindAgain(const Durable& durable, std::uint64_t frontier);
  absl::Status Reconcile(const ConsumerInfo& info);
  void Resolve(const ConsumerInfo& info) MW_REQUIRES(filter_mutex_);
  bool IsFiltered(const ConsumerInfo& info, std::string_view channel) const;
  // Those that are joined but not in the filter, without the one whose move is under way.
  Channels FindNotLive(const ConsumerInfo& info);
  void ReportNotLive(const Channels& missing) const;

  // Up to `frontier`, if there is some that may be read; up to `afresh_until` also what was met before.
  absl::Status NoteHistory(const std::string& channel, std::uint64_t frontier, std::uint64_t afresh_until);
  absl::Status NoteOwedHeld() MW_REQUIRES(filter_mutex_);
  absl::StatusOr<std::uint64_t> Frontier();

  absl::StatusOr<bool> JoinHeld(const std::string& channel) MW_REQUIRES(move_mutex_);
  absl::Status Move(const Change& change) MW_REQUIRES(move_mutex_);
  void NoteUnknown(const Change& change, std::uint64_t settled);
  Outcome Attempt(const Change& change) MW_EXCLUDES(filter_mutex_);
  absl::Status PrepareJoin(const std::string& channel) MW_EXCLUDES(filter_mutex_);
  Channels ListAfter(const Change& change) const;
  Outcome SetFilter(const Channels& channels);
  Outcome UpdateOwn(const Channels& channels);
  Outcome AskToMove(const Channels& channels);
  bool HasFilterOf(const Channels& channels);
  void SetMoving(std::string_view channel);
  void Disclaim(const Change& change);
  void Commit(const Change& change) MW_REQUIRES(filter_mutex_);
  void OweHistory(const std::string& channel) MW_REQUIRES(mutex_);

  const Options options_;
  Connection& connection_;
  JetStreamApi& api_;
  JoinedChannels& channels_;
  SettledFloor& floor_;

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
  std::string moving_ MW_GUARDED_BY(mutex_);  // the channel whose join or leave is under way; empty: none
  // Joins and leaves that have ended without its being known whether the filter moved.
  std::map<std::string, Unresolved, std::less<>> unresolved_ MW_GUARDED_BY(mutex_);
  // Joined, but their history is still to be noted; up to the sequence also what was met in an earlier stay.
  std::map<std::string, std::uint64_t, std::less<>> owed_ MW_GUARDED_BY(mutex_);
  // Joined all the time, but a leave that came to nothing may have kept them out of the filter for a while,
  // after the sequence.
  std::map<std::string, std::uint64_t, std::less<>> lapsed_ MW_GUARDED_BY(mutex_);
  // Configured, but not in the filter of a durable that is not ours to move.
  std::set<std::string, std::less<>> not_live_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
