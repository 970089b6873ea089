// Takes back what the broker carries out late.
//
// A move whose answer did not come may wait in a server that was stopped or cut off, and be carried out long
// after a later move of the same agent was confirmed: then the agent reads what it no longer asked for, and
// was told otherwise. Nothing can call such a move back. So the filters of those agents are looked at again
// for a while: by whichever manager serves them then, for the others are told of what one of them has lost.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "manager/peers/serving_order.h"
#include "manager/process/log.h"
#include "manager/service/agent_directory.h"
#include "manager/service/agent_queue.h"
#include "manager/service/chat_filters.h"

namespace meshwarden {

// Has a thread of its own while there is something to look at, and between Start and Stop only. Thread-safe.
class LateMoves final : public MoveListener {
 public:
  struct Options {
    std::chrono::milliseconds look_every{200};
    std::chrono::milliseconds closely_for{30'000};  // afterwards every second
    std::chrono::milliseconds look_for{600'000};    // since the last move that was lost
    std::size_t max_agents = 1024;                  // of more, those whose move was lost first are forgotten
    // What was confirmed is known for so long, in case another manager tells late of what it has lost.
    std::chrono::milliseconds remember_for{60'000};
    std::size_t max_remembered = 16'384;  // agents; of more, nothing is known
  };
  // All must outlive the calls in flight.
  struct Parts {
    ChatFilters& filters;
    AgentDirectory& directory;
    AgentQueue& queue;
    ServingOrder& order;
    Log& log;
    // Tells the other managers of a move that was lost here.
    std::function<void(const std::string& id, const std::vector<std::string>& channels)> tell_others;
  };
  LateMoves(const Parts& parts, const Options& options);
  ~LateMoves() override;
  LateMoves(const LateMoves&) = delete;
  LateMoves& operator=(const LateMoves&) = delete;

  void Lost(const std::string& id, const std::vector<std::string>& channels) override MW_EXCLUDES(mutex_);
  void Confirmed(const std::string& id, const std::vector<std::string>& channels) override
      MW_EXCLUDES(mutex_);
  // A move that another manager has lost.
  void LostElsewhere(const std::string& id, const std::vector<std::string>& channels) MW_EXCLUDES(mutex_);

  // Looks no more. Idempotent.
  void Stop() MW_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Channels = std::vector<std::string>;  // sorted
  struct Confirmation {
    Channels channels;
    Time at;
    // Of this manager for the agent: under another one, somebody else may have confirmed something since.
    std::uint64_t tenure;
  };
  struct Suspect {
    std::vector<Channels> lost;
    Time lost_at;
    std::optional<Confirmation> right;  // the last, as far as this manager can tell
    Time due;
  };

  Suspect& NoteLost(const std::string& id, const Channels& channels) MW_REQUIRES(mutex_);
  void Remember(const std::string& id, Confirmation confirmed) MW_REQUIRES(mutex_);
  void Run() MW_EXCLUDES(mutex_);
  // The agents to be looked at now; forgets those that have been for long enough.
  std::vector<std::string> TakeDue(Time now) MW_REQUIRES(mutex_);
  void Look(const std::string& id) MW_EXCLUDES(mutex_);
  void Compare(const std::string& id, const Channels& found) MW_EXCLUDES(mutex_);
  // In the agent's turn: moves the filter back, if that is still what it is to be.
  void PutBack(const std::string& id, const Channels& right, AgentQueue::Turn turn) MW_EXCLUDES(mutex_);
  // Whether these channels were confirmed last, by whichever manager.
  bool IsRight(const std::string& id, const Channels& channels) MW_EXCLUDES(mutex_);
  void Tell(const std::string& id, const Channels& right, const absl::Status& status);

  const Parts parts_;
  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Suspect> suspects_ MW_GUARDED_BY(mutex_);  // by id
  // What was confirmed of late, of agents that are no suspects.
  std::unordered_map<std::string, Confirmation> confirmed_ MW_GUARDED_BY(mutex_);
  Time sweep_at_ MW_GUARDED_BY(mutex_);  // when there may be something to forget in it
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace meshwarden
