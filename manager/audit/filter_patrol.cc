#include "manager/audit/filter_patrol.h"

#include <utility>

namespace meshwarden {

FilterPatrol::FilterPatrol(std::vector<std::chrono::milliseconds> after, std::function<void()> look)
    : after_(std::move(after)), look_(std::move(look)), thread_([this] { Run(); }) {}

FilterPatrol::~FilterPatrol() {
  Stop();
  thread_.join();
}

void FilterPatrol::Stop() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

void FilterPatrol::Run() {
  for (const std::chrono::milliseconds after : after_) {
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && changed_.WaitUntil(mutex_, begin_ + after)) {
      }
      if (stopping_) return;
    }
    look_();
  }
}

}  // namespace meshwarden
