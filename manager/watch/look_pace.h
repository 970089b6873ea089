// When a stream is to be looked at: at an interval, and sooner where something asks for that, but never one
// look right behind the other, whatever is done to a space. Rules only: no clock, no broker, no lock.
#pragma once

#include <chrono>

#include "manager/watch/watch_options.h"

namespace meshwarden {

class LookPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit LookPace(const WatchOptions& options)
      : every_(options.look_every), again_after_(options.look_again_after) {}

  // From the beginning.
  Time due() const { return due_; }
  // A look begins, and ends. What asks for another one in between is heard.
  void Begin(Time now) { due_ = now + every_; }
  void End(Time now);
  // Something asks for a look at `at`.
  void Ask(Time at);

 private:
  const std::chrono::milliseconds every_;
  const std::chrono::milliseconds again_after_;
  Time due_ = {};
  Time earliest_ = {};
};

}  // namespace meshwarden
