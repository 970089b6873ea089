#include "endpoint/nats/pending_requests.h"

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

constexpr int kSlotBits = 24;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

}  // namespace

std::optional<PendingRequests::Ticket> PendingRequests::Add(std::string_view subject, TimePoint deadline,
                                                            Callback& done) {
  MutexLock lock(mutex_);
  if (free_.empty()) {
    if (slots_.size() >= std::min<std::size_t>(limit_, kSlotMask)) return std::nullopt;
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.token = (++issued_ << kSlotBits) | index;
  slot.deadline = deadline;
  slot.subject.assign(subject);
  slot.done = std::move(done);
  const bool wake = deadline < next_expiry_;
  if (wake) next_expiry_ = deadline;
  return Ticket{slot.token, wake};
}

PendingRequests::Callback PendingRequests::Release(Slot& slot) {
  free_.push_back(static_cast<std::uint32_t>(slot.token & kSlotMask));
  slot.token = 0;
  return std::exchange(slot.done, nullptr);
}

PendingRequests::Callback PendingRequests::Take(std::uint64_t token) {
  MutexLock lock(mutex_);
  const std::uint64_t index = token & kSlotMask;
  if (token == 0 || index >= slots_.size() || slots_[index].token != token) return nullptr;
  return Release(slots_[index]);
}

std::vector<PendingRequests::Callback> PendingRequests::TakeAll() {
  std::vector<Callback> taken;
  MutexLock lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.token != 0) taken.push_back(Release(slot));
  }
  return taken;
}

std::vector<PendingRequests::Callback> PendingRequests::TakeSubject(std::string_view subject, Match match) {
  std::vector<Callback> taken;
  MutexLock lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.token == 0) continue;
    const bool is_it = match == Match::kPrefix ? slot.subject.starts_with(subject) : slot.subject == subject;
    if (is_it) taken.push_back(Release(slot));
  }
  return taken;
}

std::vector<PendingRequests::Callback> PendingRequests::TakeExpired(TimePoint now, TimePoint& next) {
  std::vector<Callback> taken;
  MutexLock lock(mutex_);
  if (now >= next_expiry_) {
    next_expiry_ = TimePoint::max();
    for (Slot& slot : slots_) {
      if (slot.token == 0) continue;
      if (slot.deadline <= now) {
        taken.push_back(Release(slot));
      } else {
        next_expiry_ = std::min(next_expiry_, slot.deadline);
      }
    }
  }
  next = next_expiry_;
  return taken;
}

std::size_t PendingRequests::size() const {
  MutexLock lock(mutex_);
  return slots_.size() - free_.size();
}

}  // namespace meshwarden
