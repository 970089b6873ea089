#include "endpoint/nats/retry_pace.h"

#include <algorithm>

namespace meshwarden {

RetryPace::RetryPace(std::chrono::milliseconds usual, std::chrono::milliseconds longest)
    : usual_(usual), longest_(std::max(usual, longest)) {}

std::chrono::milliseconds RetryPace::Wait(std::mt19937& random) const {
  if (refusals_ <= 1) return usual_;
  std::chrono::milliseconds full = usual_;
  for (int i = 1; i < refusals_ && full < longest_; ++i) full *= 2;
  full = std::min(full, longest_);
  // Never earlier than usual.
  const auto least = std::max(usual_.count(), full.count() / 2);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(least, full.count())(random));
}

}  // namespace meshwarden
