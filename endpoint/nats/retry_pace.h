// How long to wait between attempts to connect.
#pragma once

#include <chrono>
#include <random>

namespace meshwarden {

// A server that is not there is asked again at a steady pace: it is of use the moment it is back. One that
// refuses the login is asked less and less often, up to `longest`, and by chance a little earlier, so that
// many who were refused together do not come back together. Not thread-safe.
class RetryPace {
 public:
  static constexpr std::chrono::milliseconds kLongest{10'000};

  // `usual` is also how long is waited after the first refusal.
  explicit RetryPace(std::chrono::milliseconds usual, std::chrono::milliseconds longest = kLongest);

  void Succeeded() { refusals_ = 0; }
  // An attempt ended; `refused`: by a server that does not take the login.
  void Failed(bool refused) { refusals_ = refused ? refusals_ + 1 : 0; }
  // From the begin of the last attempt to that of the next.
  std::chrono::milliseconds Wait(std::mt19937& random) const;

 private:
  const std::chrono::milliseconds usual_;
  const std::chrono::milliseconds longest_;
  int refusals_ = 0;  // in a row
};

}  // namespace meshwarden
