// What the watcher's subscriptions bring, in order and bounded, until its thread takes it.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/nats/connection.h"
#include "manager/watch/broker_event.h"

namespace meshwarden {

// Thread-safe.
class EventInbox {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit EventInbox(std::size_t max_events) : max_events_(max_events) {}

  // Listens to the API's advisories and to what is done to the durables of `streams`. `connection` must live
  // until Close. Once.
  absl::Status Listen(Connection& connection, const std::vector<std::string>& streams);
  // Ends the subscriptions and the waiting. Idempotent; not from several threads at once.
  void Close() MW_EXCLUDES(mutex_);

  // Waits until there is something to do: events, a Wake, or `due`. False once closed.
  bool Await(Time due) MW_EXCLUDES(mutex_);
  bool closed() MW_EXCLUDES(mutex_);
  // Something may have gone unheard. Does not block.
  void Wake() MW_EXCLUDES(mutex_);

  struct Taken {
    std::vector<BrokerEvent> events;
    std::uint64_t dropped = 0;  // for want of room
    std::uint64_t wakes = 0;
  };
  Taken Take() MW_EXCLUDES(mutex_);

 private:
  absl::Status Subscribe(Connection& connection, const std::string& subject, Connection::Handler handler);
  void Put(BrokerEvent event) MW_EXCLUDES(mutex_);

  const std::size_t max_events_;

  Mutex mutex_;
  CondVar changed_;
  Taken waiting_ MW_GUARDED_BY(mutex_);
  bool closed_ MW_GUARDED_BY(mutex_) = false;

  // Last: their handlers use all of the above.
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
};

}  // namespace meshwarden
