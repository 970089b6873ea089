// A thread beside the one that requests come on, for those that may take long to read: what is read there
// keeps nobody waiting who sends what others send.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"

namespace meshwarden {

// Tasks run one after the other, in the order in which they came. Thread-safe, but for the destructor.
class SideLane {
 public:
  struct Options {
    std::size_t waiting = 64;
    std::size_t of_one_sender = 8;  // the one that runs counts
  };
  using Task = std::function<void()>;

  explicit SideLane(const Options& options);
  ~SideLane();  // as Stop
  SideLane(const SideLane&) = delete;
  SideLane& operator=(const SideLane&) = delete;

  // True while a task of `sender` waits or runs. What it sends meanwhile has to come this way too, or it
  // would overtake.
  bool Holds(const std::string& sender) MW_EXCLUDES(mutex_);
  // False, and nothing is done, if there is no room, or after Stop. Never blocks.
  bool Post(const std::string& sender, Task task) MW_EXCLUDES(mutex_);
  // Takes no more; returns when all that waited has run. Not on the lane's own thread. Idempotent.
  void Stop() MW_EXCLUDES(mutex_);

 private:
  struct Waiting {
    std::string sender;
    Task task;
  };
  void Run() MW_EXCLUDES(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Waiting> waiting_ MW_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::size_t> held_ MW_GUARDED_BY(mutex_);  // by sender; never 0
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace meshwarden
