// One's own record in the presence bucket. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <optional>
#include <string>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "proto/presence.h"

namespace meshwarden {

class OwnPresence {
 public:
  // A card without a protocol version gets ours. `start`: this process' stamp (see twin_watch.h); empty for
  // none.
  OwnPresence(const std::string& space, Card card, std::string start = "");

  void SetStatus(PresenceStatus status);
  void SetActivity(std::optional<std::string> activity);
  // Whether the record with that activity is one that readers take. InvalidArgument if it is too large.
  absl::Status CheckActivity(const std::optional<std::string>& activity);
  std::optional<std::string> activity();
  // Undoes SetActivity(from), unless another one has come since.
  void ReplaceActivity(const std::optional<std::string>& from, std::optional<std::string> to);
  // Offline for good: what is set afterwards has no effect, so no goodbye says anything else.
  void End();

  // Writes the record as it is now, and waits for the broker's word.
  absl::Status Publish(Connection& connection, std::chrono::milliseconds timeout);
  // The same without waiting; `done` gets the outcome.
  void PublishAsync(Connection& connection, std::chrono::milliseconds timeout,
                    std::function<void(absl::Status)> done);

 private:
  Presence Now() MW_REQUIRES(mutex_);

  const std::string subject_;
  const Card card_;
  const std::string start_;

  // Held while a record is sent, so that records go out in the order in which they came to be. Nobody is
  // called back meanwhile.
  Mutex mutex_;
  PresenceStatus status_ MW_GUARDED_BY(mutex_) = PresenceStatus::kIdle;
  std::optional<std::string> activity_ MW_GUARDED_BY(mutex_);
  bool ended_ MW_GUARDED_BY(mutex_) = false;
};

}  // namespace meshwarden
