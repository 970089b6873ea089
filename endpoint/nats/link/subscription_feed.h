// Messages on one subject, handed to one handler, over whatever library connection there is just now.
//
// A SubscriptionFeed outlives the library connections: each new one is bound in turn. The handler is called
// for one message at a time, also while an older connection's last message is still being handled; and once
// End() has returned it is not running and will not run. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "endpoint/nats/link/callback_registry.h"
#include "endpoint/nats/link/nats_handles.h"

namespace meshwarden {

class SubscriptionFeed {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Handler = std::function<void(natsMsg&)>;

  // With a `queue`, a member of that queue group.
  static std::shared_ptr<SubscriptionFeed> Make(std::string subject, std::string queue, Handler handler);

  // Subscribes on `connection`, in place of the connection bound before.
  absl::Status Bind(natsConnection* connection);

  // Asks the server to send no more; what has been received is still handled.
  void StartDrain();
  // Waits until everything received has been handled; false if `deadline` came first.
  bool AwaitDrained(TimePoint deadline);

  // Throws away what comes from now on, until the next Bind or what DiscardReceived makes of it.
  void StartDiscarding();
  // Since StartDiscarding, the connection bound then has received all that was sent before: that is still
  // thrown away, and what comes after it is handled again.
  void DiscardReceived();

  // Ends delivery. Waits for a call of the handler in progress, unless called by that handler.
  void End();

 private:
  SubscriptionFeed(std::string subject, std::string queue, Handler handler);
  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* closure);
  static void OnComplete(void* closure);
  void Handle(const natsSubscription* from, natsMsg& message);
  bool IsDiscarded(const natsSubscription* from) MW_REQUIRES(mutex_);

  // Constant after Make.
  const std::string subject_;
  const std::string queue_;
  const Handler handler_;
  std::unique_ptr<CallbackKey> key_;

  Mutex mutex_;
  CondVar changed_;
  UniqueNatsSubscription subscription_ MW_GUARDED_BY(mutex_);
  std::int64_t received_ MW_GUARDED_BY(mutex_) = 0;  // messages of subscription_ that came to Handle
  // Whose messages are thrown away: all, or those up to a number in the order of their coming. Only to be
  // compared.
  const natsSubscription* discarded_ MW_GUARDED_BY(mutex_) = nullptr;
  std::optional<std::int64_t> discarded_up_to_ MW_GUARDED_BY(mutex_);
  int unfinished_ MW_GUARDED_BY(mutex_) = 0;  // library subscriptions that may still deliver
  bool ended_ MW_GUARDED_BY(mutex_) = false;
  bool handling_ MW_GUARDED_BY(mutex_) = false;
  std::thread::id handling_thread_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
