#include "manager/process/told_to_stop.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace meshwarden {

ToldToStop::ToldToStop(const SteeringSignals& signals, Callbacks callbacks)
    : signals_(signals), callbacks_(std::move(callbacks)), thread_([this] { Run(); }) {}

ToldToStop::~ToldToStop() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  // To the waiting thread alone; the signal is blocked everywhere, so nobody is killed by it.
  pthread_kill(thread_.native_handle(), SIGTERM);  // NOLINT(bugprone-bad-signal-to-kill-thread)
  thread_.join();
}

void ToldToStop::Run() {
  while (signals_.Wait() == SIGHUP) {
    if (callbacks_.on_hangup != nullptr) callbacks_.on_hangup();
  }
  {
    const MutexLock lock(mutex_);
    if (ending_) return;
  }
  if (callbacks_.on_told != nullptr) callbacks_.on_told();
  const MutexLock lock(mutex_);
  told_ = true;
  changed_.NotifyAll();
}

void ToldToStop::Await() const {
  const MutexLock lock(mutex_);
  while (!told_) changed_.Wait(mutex_);
}

bool ToldToStop::AwaitFor(std::chrono::milliseconds time) const {
  const auto until = std::chrono::steady_clock::now() + time;
  const MutexLock lock(mutex_);
  while (!told_ && changed_.WaitUntil(mutex_, until)) {
  }
  return told_;
}

}  // namespace meshwarden
