#include "manager/agent/stop_switch.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace meshwarden {

StopSwitch::StopSwitch(const SteeringSignals& signals, std::function<void()> stop)
    : signals_(signals), stop_(std::move(stop)), thread_([this] {
        (void)signals_.Wait();
        stop_();
      }) {}

StopSwitch::~StopSwitch() { Finish(); }

// A signal to the waiting thread alone wakes it as one to the process does; it is blocked in all threads, so
// nobody is killed by it.
// NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
void StopSwitch::Wake() { pthread_kill(thread_.native_handle(), SIGTERM); }

void StopSwitch::Request() {
  const MutexLock lock(mutex_);
  if (!finished_) Wake();
}

void StopSwitch::Finish() {
  {
    const MutexLock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Wake();
  }
  thread_.join();
}

}  // namespace meshwarden
