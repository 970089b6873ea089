// Turns: the requests of one agent one after the other, those of different agents side by side.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace meshwarden {

// Has no thread of its own: a job runs on the thread that submits it or on the one that ends the turn before
// it. Never calls out under its lock.
//
// Guarantees:
//   1. At most one turn of an agent at a time, in the order of submission.
//   2. At most `running` turns at a time; agents that wait are served round robin, a turn each.
//   3. At most `waiting_per_agent` jobs of one agent and `waiting` jobs in all wait; a flood by one agent
//      takes that agent's places and no more.
// Thread-safe. Destroy it only when the threads that submit jobs and end turns have come back from it.
class AgentQueue {
 public:
  struct Limits {
    std::size_t running = 256;
    std::size_t waiting = 1024;
    std::size_t waiting_per_agent = 16;
  };
  // Lasts until the last copy is gone; hold one for as long as the job is under way. Must not outlive the
  // queue.
  using Turn = std::shared_ptr<void>;
  using Job = std::function<void(Turn)>;

  enum class Admission {
    kTaken,      // runs now or later
    kAgentBusy,  // too many of this agent's jobs wait; the job is dropped
    kBusy,       // too many wait in all; the job is dropped
    kClosed,     // after Close(); the job is dropped
  };

  explicit AgentQueue(const Limits& limits) : limits_(limits) {}
  AgentQueue(const AgentQueue&) = delete;
  AgentQueue& operator=(const AgentQueue&) = delete;

  Admission Submit(const std::string& agent, Job job) MW_EXCLUDES(mutex_);

  // Takes no more jobs from now on; those that wait still get their turn.
  void Close() MW_EXCLUDES(mutex_);

  // Waits until nothing runs and nothing waits; false if `timeout` passed first.
  bool WaitUntilIdle(std::chrono::milliseconds timeout) MW_EXCLUDES(mutex_);

 private:
  enum class Phase {
    kIdle,           // waits for a place among the running; stands in ready_
    kStarting,       // its job is being called
    kRunning,        // its job has returned, its turn has not ended
    kEndedStarting,  // its turn ended before its job returned
  };
  struct Lane {
    Phase phase = Phase::kIdle;
    std::deque<Job> waiting;
  };
  struct Start {
    std::string agent;
    Job job;
  };

  // Starts what may start, until nothing may.
  void Pump() MW_EXCLUDES(mutex_);
  // Takes the next job to start; one with an empty `job` if there is none.
  Start TakeNext() MW_EXCLUDES(mutex_);
  void EndTurn(const std::string& agent) MW_EXCLUDES(mutex_);
  void JobReturned(const std::string& agent) MW_EXCLUDES(mutex_);
  void Settle(const std::string& agent) MW_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  CondVar idle_;
  // One lane for each agent with a job; a lane without one is removed.
  std::unordered_map<std::string, Lane> lanes_ MW_GUARDED_BY(mutex_);
  std::deque<std::string> ready_ MW_GUARDED_BY(mutex_);
  std::size_t waiting_ MW_GUARDED_BY(mutex_) = 0;
  std::size_t running_ MW_GUARDED_BY(mutex_) = 0;
  bool closed_ MW_GUARDED_BY(mutex_) = false;
};

}  // namespace meshwarden
