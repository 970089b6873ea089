// Which messages of one durable this process has and has not settled yet, by their sequence in the stream:
// what the broker counts as delivered beyond these did not come here.
//
// Outlives connections, as what a handler holds does. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

class InHand {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Came, for the first time or again. False if it has been in hand for a moment only: then this is no
  // redelivery for want of an answer, but one that was on its way when the other came.
  bool Take(std::uint64_t seq, TimePoint now);
  // Acknowledged, given back or refused.
  void Drop(std::uint64_t seq);

  // How many lie above `floor`. What lies below is settled by the broker's account and is forgotten here.
  std::size_t CountAbove(std::uint64_t floor);
  // The last `most` sequences in (after, until] that are not in hand, the highest first.
  std::vector<std::uint64_t> Missing(std::uint64_t after, std::uint64_t until, std::size_t most) const;

 private:
  mutable Mutex mutex_;
  std::map<std::uint64_t, TimePoint> since_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
