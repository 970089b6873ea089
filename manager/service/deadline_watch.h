// One deadline for many waits: whatever is watched hears that its time is up, unless it is gone by then.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <thread>

#include "base/mutex.h"

namespace meshwarden {

// What can run out of time.
class Expirable {
 public:
  virtual ~Expirable() = default;
  // Called once, on the watch's thread, without a lock held. Must not block.
  virtual void Expire() = 0;
};

// A single thread for any number of waits of the same length. Keeps nothing of what it watches alive.
// Thread-safe.
class DeadlineWatch {
 public:
  explicit DeadlineWatch(std::chrono::milliseconds delay);
  // Ends the thread; afterwards nothing expires any more.
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  // Calls Expire() after the delay if the object still exists then.
  void Watch(std::weak_ptr<Expirable> object) MW_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::chrono::steady_clock::time_point due;
    std::weak_ptr<Expirable> object;
  };

  void Run() MW_EXCLUDES(mutex_);

  const std::chrono::milliseconds delay_;
  Mutex mutex_;
  CondVar changed_;
  // In the order of their deadlines, since every wait has the same length.
  std::deque<Entry> entries_ MW_GUARDED_BY(mutex_);
  bool sleeping_for_good_ MW_GUARDED_BY(mutex_) = false;  // until something is watched
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace meshwarden
