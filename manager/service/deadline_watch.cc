#include "manager/service/deadline_watch.h"

#include <utility>

namespace meshwarden {

DeadlineWatch::DeadlineWatch(std::chrono::milliseconds delay) : delay_(delay), thread_([this] { Run(); }) {}

DeadlineWatch::~DeadlineWatch() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void DeadlineWatch::Watch(std::weak_ptr<Expirable> object) {
  const MutexLock lock(mutex_);
  // What is gone by now need not be kept until its deadline: most waits end early.
  while (!entries_.empty() && entries_.front().object.expired()) {
    entries_.pop_front();
  }
  entries_.push_back({std::chrono::steady_clock::now() + delay_, std::move(object)});
  // A thread that sleeps until some earlier deadline finds this one when it wakes.
  if (sleeping_for_good_) {
    changed_.NotifyOne();
  }
}

void DeadlineWatch::Run() {
  while (true) {
    std::shared_ptr<Expirable> due;
    {
      const MutexLock lock(mutex_);
      if (stopping_) {
        return;
      }
      if (entries_.empty()) {
        sleeping_for_good_ = true;
        changed_.Wait(mutex_);
        sleeping_for_good_ = false;
        continue;
      }
      const auto deadline = entries_.front().due;
      if (std::chrono::steady_clock::now() < deadline) {
        changed_.WaitUntil(mutex_, deadline);
        continue;
      }
      due = entries_.front().object.lock();
      entries_.pop_front();
    }
    if (due != nullptr) {
      due->Expire();
    }
  }
}

}  // namespace meshwarden
