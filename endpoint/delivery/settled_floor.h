// How far a durable's messages have all been settled, by the broker's own account. Remembered here because a
// broker that is killed can lose a durable's state: the durable then begins anew, and what it delivers again
// can go back further than the memory of ids.
//
// Outlives connections. Thread-safe.
#pragma once

#include <cstdint>

#include "base/mutex.h"

namespace meshwarden {

class SettledFloor {
 public:
  // A message came live: its sequence in the stream, when it was stored, and its number among the durable's
  // deliveries.
  void Saw(std::uint64_t seq, std::uint64_t time, std::uint64_t delivery);
  // What the broker says of the durable: how many deliveries it has made, and up to where all messages are
  // acknowledged. The floor never sinks. Of a durable that has delivered nothing some brokers say that
  // everything is acknowledged, so that is not heeded.
  void Raise(std::uint64_t deliveries, std::uint64_t ack_floor);

  // Whether the message has been settled for sure. One that was stored later than all that had come when the
  // floor was raised is not, whatever its sequence: the stream was made anew.
  bool Covers(std::uint64_t seq, std::uint64_t time) const;
  std::uint64_t seq() const;
  // The highest number of a delivery that came.
  std::uint64_t deliveries() const;
  // Another durable of the same stream: its deliveries are counted anew.
  void CountAnew();
  // Something has come that lies above the floor, so that it is worth asking the broker.
  bool may_rise() const;

  // The stream was made anew, and its sequences begin again.
  void Forget();

 private:
  mutable Mutex mutex_;
  std::uint64_t floor_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t floor_time_ MW_GUARDED_BY(mutex_) = 0;  // no message at or below the floor is younger
  std::uint64_t newest_seq_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t newest_time_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t deliveries_ MW_GUARDED_BY(mutex_) = 0;
};

}  // namespace meshwarden
