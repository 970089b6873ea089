// The one way to end a program that runs until it is told: a signal, or its own decision.
#pragma once

#include <functional>
#include <thread>

#include "base/mutex.h"
#include "manager/process/signals.h"

namespace meshwarden {

// Calls `stop` once, on a thread of its own, at the first of `signals` or the first request. Thread-safe.
class StopSwitch {
 public:
  // `signals` must outlive this object.
  StopSwitch(const SteeringSignals& signals, std::function<void()> stop);
  ~StopSwitch();
  StopSwitch(const StopSwitch&) = delete;
  StopSwitch& operator=(const StopSwitch&) = delete;

  // Returns at once; from any thread.
  void Request();
  // Requests, and waits until `stop` has returned. Not from within `stop`.
  void Finish();

 private:
  void Wake() MW_REQUIRES(mutex_);

  const SteeringSignals& signals_;
  const std::function<void()> stop_;
  Mutex mutex_;
  bool finished_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the above
};

}  // namespace meshwarden
