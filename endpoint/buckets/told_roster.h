// The changes that a session makes to the roster, told of in the order in which they are made: the sweep and
// the watch are at it on two threads, and the last that is told of a peer must be how the roster has it.
// Thread-safe.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "endpoint/buckets/roster.h"

namespace meshwarden {

class ToldRoster {
 public:
  using Tell = std::function<void(const PresenceEvent&)>;

  // `tell` is called under a lock: all it may do is post, and it must not come back here.
  ToldRoster(Roster& roster, Tell tell) : roster_(roster), tell_(std::move(tell)) {}

  // What the roster does under these names, and an event told of each change.
  void Apply(std::string_view key, Presence presence, Roster::TimePoint now);
  void Remove(std::string_view key);
  void Sweep(Roster::TimePoint now);

 private:
  Roster& roster_;
  const Tell tell_;
  Mutex mutex_;  // held from a change until all of it has been told
};

}  // namespace meshwarden
