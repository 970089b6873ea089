// A thread that calls an endpoint's handlers: what is posted, one after the other, in order, with no lock
// held. Begins to call once opened. Thread-safe, but for the destructor.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace meshwarden {

class Dispatcher {
 public:
  Dispatcher();
  // Stop(), and the thread has ended. Not on the dispatcher's own thread.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // `run` will be called, or else, after Stop, `drop` (which may be null; then on the thread that stops, or
  // that posts). Never blocks.
  void Post(std::function<void()> run, std::function<void()> drop = nullptr);
  // Calls what has been posted, from now on. Idempotent.
  void Open();
  // Drops what waits; what is posted later is taken as before.
  void Discard();
  // True on the dispatcher's own thread.
  bool IsCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }
  // How many wait, not counting one that is running.
  std::size_t waiting() const;

  // Blocks until fewer than `limit` wait, or after Stop; false if `cancelled` became true first. On the
  // dispatcher's own thread, which could wait for ever, it only tells.
  bool AwaitRoom(std::size_t limit, const std::atomic<bool>& cancelled);
  // Blocks until all that has been posted so far has been called; false if `cancelled` became true first, and
  // after Stop. Returns at once on the dispatcher's own thread.
  bool AwaitHandled(const std::atomic<bool>& cancelled);
  // Makes those who wait look at their `cancelled` again.
  void WakeWaiters();

  // Drops what waits; from now on all that is posted is dropped.
  void Drop();
  // Waits until nothing is running; false if `deadline` came first. Returns at once on the dispatcher's own
  // thread.
  bool AwaitIdle(std::chrono::steady_clock::time_point deadline);
  // Drop(). Returns when nothing is running, or at once on the dispatcher's own thread, which then ends
  // with the present call. Idempotent.
  void Stop();

 private:
  struct Task {
    std::function<void()> run;
    std::function<void()> drop;
  };
  void Run();
  static void DropAll(std::deque<Task>& tasks);

  mutable Mutex mutex_;
  CondVar work_;
  CondVar progress_;
  std::deque<Task> tasks_ MW_GUARDED_BY(mutex_);
  std::size_t posted_ MW_GUARDED_BY(mutex_) = 0;
  std::size_t handled_ MW_GUARDED_BY(mutex_) = 0;
  std::size_t waiters_ MW_GUARDED_BY(mutex_) = 0;
  bool running_ MW_GUARDED_BY(mutex_) = false;
  bool open_ MW_GUARDED_BY(mutex_) = false;
  bool stopped_ MW_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace meshwarden
