// Keeps a durable's messages coming: asks for the next ones in time, as many as there is room for, again
// after every pull that has run out, and again when the broker falls silent.
//
// Bound to one connection. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "endpoint/delivery/ack_subject.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

// Messages of one durable that were pulled and not yet handled. Outlives connections, so that what waits
// stays bounded over all of them.
class Backlog {
 public:
  void Add() { ++count_; }
  void Remove() { --count_; }
  std::size_t count() const { return count_; }

 private:
  std::atomic<std::size_t> count_{0};
};

class PullLoop : public std::enable_shared_from_this<PullLoop> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::string stream;
    std::string consumer;
    // Most messages that are pulled and not yet handled. 1: the next one is asked for when the last is done.
    std::size_t window = 512;
    std::chrono::milliseconds expires{30'000};
    // How often the broker tells that it is there, and how many deliveries it has made.
    std::chrono::milliseconds heartbeat{5000};
    // Called for one message at a time, on a thread of the connection; must be brief. It adds to the backlog
    // what it keeps.
    std::function<void(NatsMessage message, const AckSubject& delivery)> on_message;
    // Called as on_message is, in the same order: how many deliveries of the durable there have been, here
    // and elsewhere, and up to which sequence of the stream. May be null.
    std::function<void(std::uint64_t deliveries, std::uint64_t stream_seq)> on_heartbeat;
    std::function<void(const absl::Status&)> on_error;
  };

  // Asks for the first messages. `connection` must outlive the loop.
  static absl::StatusOr<std::shared_ptr<PullLoop>> Start(Connection& connection, Options options,
                                                         std::shared_ptr<const Backlog> backlog);
  // Asks for nothing more. What the broker has sent already is still handed to on_message, so that it can be
  // given back: the broker would wait for its acknowledgement for long. Idempotent.
  void EndPulling();
  // EndPulling; afterwards on_message is not running and will not be called. Not within on_message.
  // Idempotent.
  void Stop();

  // To be called when something of the backlog has been handled.
  void Refill();
  // To be called about once a second.
  void Check(TimePoint now);

 private:
  PullLoop(Connection& connection, Options options, std::shared_ptr<const Backlog> backlog);
  void OnMessage(NatsMessage message);
  void OnStatus(const NatsMessage& message, std::string_view status);
  void OnHeartbeat(const NatsMessage& message);
  void EndPull(std::size_t undelivered, bool refused);

  Connection& connection_;
  const Options options_;
  const std::shared_ptr<const Backlog> backlog_;
  const std::string inbox_;
  const std::string next_subject_;

  Mutex mutex_;
  std::size_t outstanding_ MW_GUARDED_BY(mutex_) = 0;  // asked for and not yet come
  bool came_ MW_GUARDED_BY(mutex_) = false;            // something, since the last pull was asked for
  bool single_ MW_GUARDED_BY(mutex_) = false;          // the next pull asks for one message of any size
  TimePoint heard_ MW_GUARDED_BY(mutex_);
  // The last pull has been lost, or there was none yet: who starts where the broker lets pulls fall must not
  // wait as long for each.
  bool silent_ MW_GUARDED_BY(mutex_) = true;
  TimePoint pause_until_ MW_GUARDED_BY(mutex_);
  bool ended_ MW_GUARDED_BY(mutex_) = false;

  // Set once, before anybody else knows this object; reset by Stop, under its own lock.
  Mutex subscription_mutex_;
  std::unique_ptr<Subscription> subscription_ MW_GUARDED_BY(subscription_mutex_);
};

}  // namespace meshwarden
