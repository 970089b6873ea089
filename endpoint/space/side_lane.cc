#include "endpoint/space/side_lane.h"

#include <utility>

namespace meshwarden {

SideLane::SideLane(const Options& options) : options_(options), thread_([this] { Run(); }) {}

SideLane::~SideLane() { Stop(); }

bool SideLane::Holds(const std::string& sender) {
  const MutexLock lock(mutex_);
  return held_.contains(sender);
}

bool SideLane::Post(const std::string& sender, Task task) {
  const MutexLock lock(mutex_);
  const auto held = held_.find(sender);
  if (stopping_ || waiting_.size() >= options_.waiting) return false;
  if (held != held_.end() && held->second >= options_.of_one_sender) return false;
  waiting_.push_back({.sender = sender, .task = std::move(task)});
  ++held_[sender];
  changed_.NotifyOne();
  return true;
}

void SideLane::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void SideLane::Run() {
  while (true) {
    Waiting next;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) changed_.Wait(mutex_);
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next.task();
    next.task = nullptr;  // what it captured goes before others may overtake
    const MutexLock lock(mutex_);
    const auto held = held_.find(next.sender);
    if (--held->second == 0) held_.erase(held);
  }
}

}  // namespace meshwarden
