// Threads that have endpoints join and leave rooms at the times drawn for them.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "tests/soak/ledger.h"
#include "tests/soak/member.h"

namespace meshwarden::testing {

// A call that fails is made again until it succeeds, a join only as long as its room's epoch lasts.
class Churn {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // One call that has ended, told of on the thread that made it.
  struct Call {
    std::size_t endpoint = 0;
    std::size_t epoch = 0;  // of a join or leave
    bool joins = false;
    bool leaves = false;
    absl::Status status;
    std::chrono::milliseconds took{0};
  };
  using OnCall = std::function<void(const Call&)>;

  // `members`, by index, `ledger` and `fault` must outlive this object. `on_call` may be null.
  Churn(const std::vector<Member*>& members, Ledger& ledger, Fault& fault, OnCall on_call = nullptr);
  // Gives up what is left to do.
  ~Churn();
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;

  // A join once per endpoint and room; whoever has left a room stays out of it.
  void Join(std::size_t endpoint, std::size_t epoch, Time when);
  void Leave(std::size_t endpoint, std::size_t epoch, Time when);
  void Reconnect(std::size_t endpoint, Time when);
  // The epoch is over: joins that have not been made are dropped.
  void Close(std::size_t epoch);
  // Whether nothing is to be done, or being done, in that room.
  bool Idle(std::size_t epoch) const;
  bool Idle() const;

  std::uint64_t joins() const;
  std::uint64_t leaves() const;
  // Calls that failed and were made again, and what the last of them was told.
  std::uint64_t refused() const;
  std::string last_refusal() const;

 private:
  enum class Kind : std::uint8_t { kJoin, kLeave, kReconnect };
  struct Step {
    Kind kind = Kind::kJoin;
    std::size_t endpoint = 0;
    std::size_t epoch = 0;
  };

  void Add(Step step, Time when) MW_EXCLUDES(mutex_);
  void Run();
  std::optional<Step> Next();
  void Finish(const Step& step, bool done);
  // Carries the step out; whether it is done with.
  bool Do(const Step& step);
  bool DoJoin(const Step& step);
  bool DoLeave(const Step& step);
  bool Check(const absl::Status& status, const Step& step);
  void Tell(const absl::Status& status, const Step& step, Time begin) const;

  std::vector<Member*> members_;
  Ledger& ledger_;
  Fault& fault_;
  const OnCall on_call_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_ MW_GUARDED_BY(mutex_) = false;
  std::multimap<Time, Step> due_ MW_GUARDED_BY(mutex_);
  std::map<std::size_t, int> running_ MW_GUARDED_BY(mutex_);  // by epoch
  std::size_t first_open_ MW_GUARDED_BY(mutex_) = 0;          // epochs before it are closed
  std::uint64_t joins_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t leaves_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t refused_ MW_GUARDED_BY(mutex_) = 0;
  std::string last_refusal_ MW_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace meshwarden::testing
