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
#include <optional>
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
  // that is to be read. FailedPrecondition in auth mode if it is not there.
  absl::Status Bind();
  // False if it was joined before. Moves the filter, and notes the history that is to be read; reading it is
  // the caller's affair.
  absl::StatusOr<bool> Join(std::string_view channel);
  absl::StatusOr<bool> Leave(std::string_view channel);

 private:
  // A join or leave of which it is not known whether the filter moved.
  struct Unresolved {
    std::string channel;
    bool joining = false;
  };
  struct Durable {
    ConsumerInfo info;
    bool made = false;
  };

  absl::StatusOr<Durable> FindDurable();
  absl::StatusOr<ConsumerConfig> OpenConfig(const std::vector<std::string>& channels) const;
  void BeginAnew() MW_REQUIRES(mutex_);
  absl::Status BindFirst(const Durable& durable, std::uint64_t frontier);
  absl::Status BindAgain(const Durable& durable, std::uint64_t frontier);
  absl::Status Reconcile(const ConsumerInfo& info);
  absl::Status Resolve(const ConsumerInfo& info, std::uint64_t frontier);
  bool IsFiltered(const ConsumerInfo& info, std::string_view channel) const;
  void ReportNotLive(const ConsumerInfo& info);

  // Up to `frontier`. True if there is some that may be read.
  absl::StatusOr<bool> NoteHistory(const std::string& channel, std::uint64_t frontier);
  absl::Status NoteJoined(const std::string& channel, std::uint64_t before);
  absl::StatusOr<std::uint64_t> Frontier();

  absl::Status Move(const std::vector<std::string>& channels);
  absl::Status MoveOnce(const std::vector<std::string>& channels);
  absl::Status AskToMove(const std::vector<std::string>& channels);
  void Settle(std::string_view channel, bool joining, bool known);

  const Options options_;
  Connection& connection_;
  JetStreamApi& api_;
  JoinedChannels& channels_;
  SettledFloor& floor_;

  Mutex move_mutex_;  // held for the time of one join or leave, which blocks; taken before mutex_

  Mutex mutex_;
  bool bound_before_ MW_GUARDED_BY(mutex_) = false;
  std::string stream_created_ MW_GUARDED_BY(mutex_);
  std::uint64_t begun_at_ MW_GUARDED_BY(mutex_) =
      0;  // what lies up to here was settled, or is owed as history
  std::optional<Unresolved> unresolved_ MW_GUARDED_BY(mutex_);
  // Configured, but not in the filter of a durable that is not ours to move.
  std::set<std::string, std::less<>> not_live_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
