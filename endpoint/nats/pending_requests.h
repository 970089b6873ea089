// The requests of one connection that wait for their answer: who waits, for how long, for which subject.
//
// Only a table: it calls nobody. Whoever ends a wait takes the callback out, once, and calls it with no lock
// held. Its size is bounded. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/nats/link/nats_message.h"

namespace meshwarden {

class PendingRequests {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Callback = std::function<void(absl::StatusOr<NatsMessage>)>;

  explicit PendingRequests(std::size_t limit) : limit_(limit) {}

  struct Ticket {
    std::uint64_t token;  // never given out twice
    bool wake;            // the deadline comes before the time that TakeExpired last asked to be called at
  };
  // Takes `done` over; nothing, and `done` untouched, if the table is full.
  std::optional<Ticket> Add(std::string_view subject, TimePoint deadline, Callback& done);

  // The callback of `token`; empty if its wait has ended.
  Callback Take(std::uint64_t token);
  std::vector<Callback> TakeAll();
  enum class Match { kWhole, kPrefix };
  // Those that wait on `subject`, or with kPrefix on one that starts so.
  std::vector<Callback> TakeSubject(std::string_view subject, Match match);
  // Those whose deadline is not after `now`. Sets `next` to the time of the next call that is needed.
  std::vector<Callback> TakeExpired(TimePoint now, TimePoint& next);

  std::size_t size() const;

 private:
  struct Slot {
    std::uint64_t token = 0;  // 0: free
    TimePoint deadline;
    std::string subject;
    Callback done;
  };
  Callback Release(Slot& slot) MW_REQUIRES(mutex_);

  // Constant after construction.
  const std::size_t limit_;

  mutable Mutex mutex_;
  // A token's low bits name its slot. Slots are used again, so that a request allocates nothing here.
  std::vector<Slot> slots_ MW_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> free_ MW_GUARDED_BY(mutex_);
  std::uint64_t issued_ MW_GUARDED_BY(mutex_) = 0;
  TimePoint next_expiry_ MW_GUARDED_BY(mutex_) = TimePoint::max();
};

}  // namespace meshwarden
