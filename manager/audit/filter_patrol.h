// Looks again, after a start, whether agents read more than the policy allows.
//
// What a manager before this one has asked of the broker, and was not answered, may be carried out after the
// look at the start: then a filter is wide again that nobody asked for any more.
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

// Has a thread of its own. Thread-safe.
class FilterPatrol {
 public:
  // Calls `look` on its thread at each of `after`, which ascend, from now on.
  FilterPatrol(std::vector<std::chrono::milliseconds> after, std::function<void()> look);
  ~FilterPatrol();
  FilterPatrol(const FilterPatrol&) = delete;
  FilterPatrol& operator=(const FilterPatrol&) = delete;

  // No look begins any more; one that is under way goes on.
  void Stop() MW_EXCLUDES(mutex_);

 private:
  void Run() MW_EXCLUDES(mutex_);

  const std::vector<std::chrono::milliseconds> after_;
  const std::function<void()> look_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace meshwarden
