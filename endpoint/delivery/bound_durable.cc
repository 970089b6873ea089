#include "endpoint/delivery/bound_durable.h"

#include <absl/status/status.h>

#include <algorithm>
#include <utility>

namespace meshwarden {

bool IsStill(const ConsumerInfo& info, std::string_view created, std::uint64_t deliveries) {
  if (IsMadeWith(info, created)) return true;
  return !info.leader.empty() && info.delivered_consumer_seq > 0 && info.delivered_consumer_seq >= deliveries;
}

BoundDurable::BoundDurable(std::string stream, std::string name, std::string created,
                           std::uint64_t deliveries)
    : stream_(std::move(stream)),
      name_(std::move(name)),
      created_(std::move(created)),
      deliveries_(deliveries) {}

void BoundDurable::Doubt() {
  MutexLock lock(mutex_);
  doubted_ = true;
}

void BoundDurable::Saw(std::uint64_t consumer_seq) {
  MutexLock lock(mutex_);
  if (consumer_seq <= deliveries_) {
    doubted_ = true;
    went_back_ = true;
  }
  deliveries_ = consumer_seq;
}

void BoundDurable::Check(JetStreamApi& api) {
  {
    MutexLock lock(mutex_);
    if (!doubted_ || asking_) return;
    doubted_ = false;
    asking_ = true;
  }
  api.ConsumerInfoAsync(
      stream_, name_,
      [self = shared_from_this()](const absl::StatusOr<ConsumerInfo>& info) { self->Take(info); });
}

bool BoundDurable::lost() const {
  MutexLock lock(mutex_);
  return lost_;
}

void BoundDurable::Take(const absl::StatusOr<ConsumerInfo>& info) {
  MutexLock lock(mutex_);
  asking_ = false;
  const bool missed_before = std::exchange(missed_, absl::IsNotFound(info.status()));
  if (info.ok()) {
    const bool still = went_back_ ? IsMadeWith(*info, created_) : IsStill(*info, created_, deliveries_);
    lost_ = lost_ || !still;
    went_back_ = false;
  } else if (missed_) {
    // In a cluster one such answer may come from a server that has not heard of it yet.
    lost_ = lost_ || missed_before;
    doubted_ = true;
  } else if (absl::IsUnavailable(info.status()) || absl::IsDeadlineExceeded(info.status())) {
    doubted_ = true;
  }
}

}  // namespace meshwarden
