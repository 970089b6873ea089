// Whether a program has been told to end.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "manager/process/signals.h"

namespace meshwarden {

// Takes the steering signals on a thread of its own, so that they are heard whatever the program is doing.
// Thread-safe.
class ToldToStop {
 public:
  struct Callbacks {
    // At the first SIGTERM or SIGINT, before anybody else hears of it; later ones are not heard. Both on the
    // thread of this object.
    std::function<void()> on_told;
    std::function<void()> on_hangup;  // at each SIGHUP until then
  };

  // `signals` must outlive this object.
  ToldToStop(const SteeringSignals& signals, Callbacks callbacks);
  ~ToldToStop();
  ToldToStop(const ToldToStop&) = delete;
  ToldToStop& operator=(const ToldToStop&) = delete;

  bool told() const { return AwaitFor(std::chrono::milliseconds(0)); }
  // Waits until told.
  void Await() const;
  // The same for at most `time`; whether it has been told.
  bool AwaitFor(std::chrono::milliseconds time) const;

 private:
  void Run();

  const SteeringSignals& signals_;
  const Callbacks callbacks_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool told_ MW_GUARDED_BY(mutex_) = false;
  bool ending_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the above
};

}  // namespace meshwarden
