#include "endpoint/delivery/dispatcher.h"

#include <utility>

namespace meshwarden {

Dispatcher::Dispatcher() {
  // The thread looks at its own id, which is set when this returns.
  MutexLock lock(mutex_);
  thread_ = std::thread([this] { Run(); });
}

Dispatcher::~Dispatcher() {
  Stop();
  thread_.join();
}

void Dispatcher::Post(std::function<void()> run, std::function<void()> drop) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      tasks_.push_back({.run = std::move(run), .drop = std::move(drop)});
      drop = nullptr;
      ++posted_;
      first = tasks_.size() == 1;
    }
  }
  // Not under the lock, which the thread that wakes up would have to wait for at once.
  if (first) work_.NotifyOne();
  if (drop != nullptr) drop();
}

std::size_t Dispatcher::waiting() const {
  MutexLock lock(mutex_);
  return tasks_.size();
}

bool Dispatcher::AwaitRoom(std::size_t limit, const std::atomic<bool>& cancelled) {
  MutexLock lock(mutex_);
  if (IsCurrent()) return tasks_.size() < limit && !cancelled;
  ++waiters_;
  while (tasks_.size() >= limit && !stopped_ && !cancelled) progress_.Wait(mutex_);
  --waiters_;
  return !cancelled;
}

bool Dispatcher::AwaitHandled(const std::atomic<bool>& cancelled) {
  MutexLock lock(mutex_);
  if (IsCurrent()) return true;
  const std::size_t target = posted_;
  ++waiters_;
  while (handled_ < target && !stopped_ && !cancelled) progress_.Wait(mutex_);
  --waiters_;
  return !cancelled && !stopped_;
}

void Dispatcher::WakeWaiters() {
  MutexLock lock(mutex_);
  progress_.NotifyAll();
}

void Dispatcher::Open() {
  MutexLock lock(mutex_);
  open_ = true;
  work_.NotifyAll();
}

void Dispatcher::Discard() {
  std::deque<Task> dropped;
  {
    MutexLock lock(mutex_);
    dropped.swap(tasks_);
    handled_ += dropped.size();
    progress_.NotifyAll();
  }
  DropAll(dropped);
}

void Dispatcher::DropAll(std::deque<Task>& tasks) {
  for (Task& task : tasks) {
    if (task.drop != nullptr) task.drop();
    task = {};
  }
}

void Dispatcher::Drop() {
  std::deque<Task> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(tasks_);
    work_.NotifyAll();
    progress_.NotifyAll();
  }
  DropAll(dropped);
}

bool Dispatcher::AwaitIdle(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  if (IsCurrent()) return true;
  while (running_) {
    if (!progress_.WaitUntil(mutex_, deadline)) return !running_;
  }
  return true;
}

void Dispatcher::Stop() {
  Drop();
  MutexLock lock(mutex_);
  while (running_ && !IsCurrent()) progress_.Wait(mutex_);
}

void Dispatcher::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      if (std::exchange(running_, false)) ++handled_;
      if (waiters_ > 0 || stopped_) progress_.NotifyAll();
      while ((tasks_.empty() || !open_) && !stopped_) work_.Wait(mutex_);
      if (stopped_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      running_ = true;
    }
    task.run();
    // What it holds is let go of before it counts as handled.
  }
}

}  // namespace meshwarden
