// Which messages of one durable this process has and has not settled yet, by their sequence in the stream:
// what the broker counts as delivered beyond these did not come here.
//
// Outlives connections, as what a handler holds does. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

class InHand {
 public:
  // Came, for the first time or again.
  void Take(std::uint64_t seq);
  // Acknowledged, given back or refused.
  void Drop(std::uint64_t seq);

  // How many lie above `floor`. What lies below is settled by the broker's account and is forgotten here.
  std::size_t CountAbove(std::uint64_t floor);
  // The first `most` sequences in (after, until] that are not in hand.
  std::vector<std::uint64_t> Missing(std::uint64_t after, std::uint64_t until, std::size_t most) const;

 private:
  mutable Mutex mutex_;
  std::set<std::uint64_t> seqs_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
