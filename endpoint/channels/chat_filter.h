// The filter of an endpoint's chat durable: what the broker has, and how it is moved. In open mode the
// endpoint updates its own durable; in auth mode it asks service `self`, which decides.
//
// Outlives connections. All calls but the last three wait for the broker or the manager, at most as long as
// the request time-outs say. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "proto/sender.h"

namespace meshwarden {

// Nothing was heard. An error that the broker itself answers with is heard, also that it is unavailable.
bool IsUnanswered(const absl::Status& status);

class ChatFilter {
 public:
  using Channels = std::vector<std::string>;
  struct Options {
    std::string space;
    Sender self;
    bool auth = false;
    std::chrono::milliseconds ack_wait{0};  // open mode only, as the next
    std::chrono::milliseconds inactive_threshold{0};
    std::chrono::milliseconds request_timeout{5000};
    // For how long a request that nothing answered may still be carried out.
    std::chrono::milliseconds request_lifetime{300'000};
  };
  // What came of an attempt to move it.
  struct Outcome {
    absl::Status status;
    bool unknown = false;     // it may have moved, although the status is an error
    bool unanswered = false;  // so that it is worth saying again
  };
  struct Found {
    ConsumerInfo info;
    bool made = false;  // just now
  };
  // What is pointed to must outlive this object.
  ChatFilter(Options options, Connection& connection, JetStreamApi& api);

  // The durable `chat_<id>`; NotFound if there is none.
  absl::StatusOr<ConsumerInfo> Look();
  // In open mode it is made with `channels` if it is not there; in auth mode that is FailedPrecondition.
  absl::StatusOr<Found> LookOrMake(const Channels& channels);
  // Moves it to exactly `channels`. Saying the same twice does no harm.
  Outcome Set(const Channels& channels);

  // Whether the filter of `info` brings all of `channel`.
  bool Holds(const ConsumerInfo& info, std::string_view channel) const;
  // Whether it is what `channels` make, and nothing else.
  bool IsExactly(const ConsumerInfo& info, const Channels& channels) const;
  // Whether a move that was asked for in vain may yet be carried out, after others that were asked for later:
  // what was sent on a connection that is gone can still arrive.
  bool may_move_late() const;

 private:
  absl::StatusOr<ConsumerConfig> OpenConfig(const Channels& channels) const;
  bool IsNow(const Channels& channels);
  Outcome UpdateOwn(const Channels& channels);
  Outcome Ask(const Channels& channels);

  const Options options_;
  Connection& connection_;
  JetStreamApi& api_;

  mutable Mutex mutex_;
  std::chrono::steady_clock::time_point late_until_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
