#include "endpoint/delivery/in_hand.h"

#include <iterator>
#include <utility>

namespace meshwarden {
namespace {

// Far less than any broker waits for an answer.
constexpr std::chrono::milliseconds kMoment{200};

}  // namespace

bool InHand::Take(std::uint64_t seq, TimePoint now) {
  MutexLock lock(mutex_);
  const std::size_t before = since_.size();
  const auto held = since_.try_emplace(since_.end(), seq, now);
  if (since_.size() > before) return true;
  return now - std::exchange(held->second, now) >= kMoment;
}

void InHand::Drop(std::uint64_t seq) {
  MutexLock lock(mutex_);
  since_.erase(seq);
}

std::size_t InHand::CountAbove(std::uint64_t floor) {
  MutexLock lock(mutex_);
  since_.erase(since_.begin(), since_.upper_bound(floor));
  return since_.size();
}

std::vector<std::uint64_t> InHand::Missing(std::uint64_t after, std::uint64_t until, std::size_t most) const {
  std::vector<std::uint64_t> missing;
  MutexLock lock(mutex_);
  auto held = std::make_reverse_iterator(since_.upper_bound(until));
  for (std::uint64_t seq = until; seq > after && missing.size() < most; --seq) {
    if (held == since_.rend() || held->first != seq) {
      missing.push_back(seq);
    } else {
      ++held;
    }
  }
  return missing;
}

}  // namespace meshwarden
