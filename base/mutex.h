// std::mutex with clang's thread-safety annotations: a member marked MW_GUARDED_BY is only reachable under
// its lock, checked at compile time by `bazel build --config=clang`.
//
// absl::Mutex is not used because Debian's absl is not built for the thread sanitizer, which then reports
// races in correct programs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MW_ANNOTATE(x) __attribute__((x))
#else
#define MW_ANNOTATE(x)
#endif
#define MW_CAPABILITY(name) MW_ANNOTATE(capability(name))
#define MW_SCOPED_LOCKABLE MW_ANNOTATE(scoped_lockable)
#define MW_GUARDED_BY(mutex) MW_ANNOTATE(guarded_by(mutex))
#define MW_REQUIRES(...) MW_ANNOTATE(requires_capability(__VA_ARGS__))
#define MW_EXCLUDES(...) MW_ANNOTATE(locks_excluded(__VA_ARGS__))
#define MW_ACQUIRE(...) MW_ANNOTATE(acquire_capability(__VA_ARGS__))
#define MW_RELEASE(...) MW_ANNOTATE(release_capability(__VA_ARGS__))

namespace meshwarden {

class MW_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() MW_ACQUIRE() { mutex_.lock(); }
  void unlock() MW_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds `mutex` for the life of the object.
class MW_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MW_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() MW_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable on Mutex. Wait in a loop on the condition itself: wake-ups may be spurious.
class CondVar {
 public:
  void Wait(Mutex& mutex) MW_REQUIRES(mutex) { condition_.wait(mutex); }
  // False when `deadline` passed first.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) MW_REQUIRES(mutex) {
    return condition_.wait_until(mutex, deadline) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace meshwarden
