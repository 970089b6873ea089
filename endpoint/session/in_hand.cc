#include "endpoint/session/in_hand.h"

namespace meshwarden {

void InHand::Take(std::uint64_t seq) {
  MutexLock lock(mutex_);
  seqs_.insert(seqs_.end(), seq);
}

void InHand::Drop(std::uint64_t seq) {
  MutexLock lock(mutex_);
  seqs_.erase(seq);
}

std::size_t InHand::CountAbove(std::uint64_t floor) {
  MutexLock lock(mutex_);
  seqs_.erase(seqs_.begin(), seqs_.upper_bound(floor));
  return seqs_.size();
}

std::vector<std::uint64_t> InHand::Missing(std::uint64_t after, std::uint64_t until, std::size_t most) const {
  std::vector<std::uint64_t> missing;
  MutexLock lock(mutex_);
  auto held = seqs_.upper_bound(after);
  for (std::uint64_t seq = after; seq < until && missing.size() < most;) {
    ++seq;
    while (held != seqs_.end() && *held < seq) ++held;
    if (held == seqs_.end() || *held != seq) missing.push_back(seq);
  }
  return missing;
}

}  // namespace meshwarden
