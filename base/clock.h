// The time, as a parameter: code that decides by the clock takes a Clock, so that its tests need not wait.
#pragma once

#include <chrono>

namespace meshwarden {

using SystemTime = std::chrono::system_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, for what is written down (JWTs, records).
  virtual SystemTime Now() const = 0;
  // The operating system's clock; lives as long as the program.
  static const Clock& System();
};

// A clock that stands still; for tests.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(SystemTime now) : now_(now) {}
  SystemTime Now() const override { return now_; }

 private:
  SystemTime now_;
};

}  // namespace meshwarden
