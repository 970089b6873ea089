#include "manager/service/agent_queue.h"

#include <utility>

namespace meshwarden {

AgentQueue::Admission AgentQueue::Submit(const std::string& agent, Job job) {
  {
    const MutexLock lock(mutex_);
    if (closed_) {
      return Admission::kClosed;
    }
    // A job that can start at once takes no waiting place.
    const auto lane = lanes_.find(agent);
    const bool is_new = lane == lanes_.end();
    const bool starts_now = is_new && running_ < limits_.running && ready_.empty();
    if (!is_new && lane->second.waiting.size() >= limits_.waiting_per_agent) {
      return Admission::kAgentBusy;
    }
    if (!starts_now && waiting_ >= limits_.waiting) {
      return Admission::kBusy;
    }
    if (is_new) {
      ready_.push_back(agent);
    }
    lanes_[agent].waiting.push_back(std::move(job));
    ++waiting_;
  }
  Pump();
  return Admission::kTaken;
}

void AgentQueue::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

bool AgentQueue::WaitUntilIdle(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!lanes_.empty()) {
    if (!idle_.WaitUntil(mutex_, deadline) && !lanes_.empty()) {
      return false;
    }
  }
  return true;
}

void AgentQueue::Pump() {
  // A loop and not a recursion: a job that ends its turn before it returns is settled here, by JobReturned.
  while (true) {
    Start start = TakeNext();
    if (!start.job) {
      return;
    }
    // The deleter runs once, as the last copy of the turn goes.
    Turn turn(nullptr, [this, agent = start.agent](void*) { EndTurn(agent); });
    start.job(std::move(turn));
    start.job = nullptr;  // what it captured may hold the turn
    JobReturned(start.agent);
  }
}

AgentQueue::Start AgentQueue::TakeNext() {
  const MutexLock lock(mutex_);
  if (ready_.empty() || running_ >= limits_.running) {
    return {};
  }
  Start start{.agent = std::move(ready_.front()), .job = nullptr};
  ready_.pop_front();
  Lane& lane = lanes_.at(start.agent);
  start.job = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  lane.phase = Phase::kStarting;
  --waiting_;
  ++running_;
  return start;
}

void AgentQueue::EndTurn(const std::string& agent) {
  {
    const MutexLock lock(mutex_);
    Lane& lane = lanes_.at(agent);
    if (lane.phase == Phase::kStarting) {
      lane.phase = Phase::kEndedStarting;
      return;
    }
    Settle(agent);
  }
  Pump();
}

void AgentQueue::JobReturned(const std::string& agent) {
  const MutexLock lock(mutex_);
  Lane& lane = lanes_.at(agent);
  if (lane.phase == Phase::kEndedStarting) {
    Settle(agent);
  } else {
    lane.phase = Phase::kRunning;
  }
}

void AgentQueue::Settle(const std::string& agent) {
  --running_;
  const auto lane = lanes_.find(agent);
  if (!lane->second.waiting.empty()) {
    lane->second.phase = Phase::kIdle;
    ready_.push_back(agent);
    return;
  }
  lanes_.erase(lane);
  if (lanes_.empty()) {
    idle_.NotifyAll();
  }
}

}  // namespace meshwarden
