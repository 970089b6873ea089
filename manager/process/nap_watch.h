// Whether this process has stood still: stopped by a signal, starved, or frozen with its machine.
//
// What waited for it meanwhile is old news: another manager may have carried out what came later. A clock
// alone shows that, since nothing here runs while it stands still.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace meshwarden {

// Has a thread of its own, which notes five times a second that it runs. Thread-safe.
class NapWatch {
 public:
  struct Options {
    std::chrono::milliseconds tick{200};
    std::chrono::milliseconds late{1'000};  // a tick that comes later than this is a nap
  };
  // A moment in the life of the process.
  using Stamp = std::uint64_t;
  // Called on the watch's thread when the process has stood still, with for how long; until it has returned
  // the process does not count as awake.
  using OnNap = std::function<void(std::chrono::milliseconds)>;

  explicit NapWatch(const Options& options);
  ~NapWatch();
  NapWatch(const NapWatch&) = delete;
  NapWatch& operator=(const NapWatch&) = delete;

  // Begins to watch. Once; before it the process counts as awake.
  void Start(OnNap on_nap);
  // Ends the thread; afterwards the process counts as awake. Waits for a call of on_nap. Idempotent.
  void Stop() MW_EXCLUDES(mutex_);

  // False from the moment on at which it goes on after standing still, until that has been looked after.
  bool IsAwake() const;
  Stamp Now() const { return naps_; }
  // True if it has not stood still since `stamp`.
  bool IsAwakeSince(Stamp stamp) const { return IsAwake() && naps_ == stamp; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  void Run(const OnNap& on_nap) MW_EXCLUDES(mutex_);

  const Options options_;
  std::atomic<Time> last_ = Time::max();
  std::atomic<Stamp> naps_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace meshwarden
