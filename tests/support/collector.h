// What callbacks brought, for a test to wait for.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace meshwarden::testing {

// Thread-safe.
template <typename T>
class Collector {
 public:
  void Add(T value) {
    MutexLock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.NotifyAll();
  }

  // All values, once there are `count`, or those that came in time.
  std::vector<T> Await(std::size_t count, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    MutexLock lock(mutex_);
    while (values_.size() < count && changed_.WaitUntil(mutex_, deadline)) {
    }
    return values_;
  }

  // True once there is a value that `wanted` is true of; false if none came in time.
  template <typename Predicate>
  bool AwaitAny(Predicate wanted, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    MutexLock lock(mutex_);
    while (std::none_of(values_.begin(), values_.end(), wanted)) {
      if (!changed_.WaitUntil(mutex_, deadline)) return false;
    }
    return true;
  }

  // True once `wanted` is true of the value that came last; false if it was not in time.
  template <typename Predicate>
  bool AwaitLast(Predicate wanted, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    MutexLock lock(mutex_);
    while (values_.empty() || !wanted(values_.back())) {
      if (!changed_.WaitUntil(mutex_, deadline)) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<T> values_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden::testing
