#include "endpoint/delivery/settled_floor.h"

#include <algorithm>

namespace meshwarden {

void SettledFloor::Saw(std::uint64_t seq, std::uint64_t time, std::uint64_t delivery) {
  MutexLock lock(mutex_);
  deliveries_ = std::max(deliveries_, delivery);
  if (seq <= newest_seq_) return;
  newest_seq_ = seq;
  newest_time_ = time;
}

void SettledFloor::Raise(std::uint64_t deliveries, std::uint64_t ack_floor) {
  MutexLock lock(mutex_);
  if (deliveries == 0 || ack_floor <= floor_) return;
  floor_ = ack_floor;
  floor_time_ = newest_time_;
}

bool SettledFloor::Covers(std::uint64_t seq, std::uint64_t time) const {
  MutexLock lock(mutex_);
  return seq <= floor_ && time <= floor_time_;
}

std::uint64_t SettledFloor::seq() const {
  MutexLock lock(mutex_);
  return floor_;
}

std::uint64_t SettledFloor::deliveries() const {
  MutexLock lock(mutex_);
  return deliveries_;
}

void SettledFloor::CountAnew() {
  MutexLock lock(mutex_);
  deliveries_ = 0;
}

bool SettledFloor::may_rise() const {
  MutexLock lock(mutex_);
  return newest_seq_ > floor_;
}

void SettledFloor::Forget() {
  MutexLock lock(mutex_);
  floor_ = 0;
  floor_time_ = 0;
  newest_seq_ = 0;
  newest_time_ = 0;
  deliveries_ = 0;
}

}  // namespace meshwarden
