// Who is there, as told by the records in the presence bucket and by their absence.
//
// Time is the reader's own: a record is as fresh as its arrival, whatever its `ts` says, so that clocks need
// not agree. Holds at most kMaxRosterEntries; of more, offline ones are let go first and then further
// newcomers are ignored. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "endpoint/api/endpoint_events.h"
#include "proto/presence.h"

namespace meshwarden {

inline constexpr std::size_t kMaxRosterEntries = 20'000;

class Roster {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `liveness`: one that is silent for longer is offline.
  explicit Roster(std::chrono::milliseconds liveness) : liveness_(liveness) {}

  // A record arrived under `key`. What it changes, if anything: kJoin for one not known or offline before,
  // kOffline, kUpdate for a change of status, activity or card; nothing for a heartbeat, for a first sighting
  // that is offline already (which is recorded), and for a record whose card is not of `key` (which is
  // ignored).
  std::optional<PresenceEvent> Apply(std::string_view key, Presence presence, TimePoint now);
  // The record under `key` was deleted: kOffline, unless unknown or offline already.
  std::optional<PresenceEvent> Remove(std::string_view key);
  // Those that have been silent for too long, one kOffline each.
  std::vector<PresenceEvent> Sweep(TimePoint now);
  void Clear();

  std::vector<Presence> List() const;  // sorted by name, then by id; offline ones included
  // Its record by exact id; else, unless that has the form of an id, the one whose name is `name_or_id`,
  // exactly, else but for upper and lower case (ASCII); of several those not offline count first. NotFound
  // says what to do; FailedPrecondition lists the ids of several equally good.
  absl::StatusOr<Presence> Resolve(std::string_view name_or_id) const;

 private:
  struct Entry {
    Presence presence;
    TimePoint heard;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  std::optional<PresenceEvent> Add(Presence presence, TimePoint now) MW_REQUIRES(mutex_);
  std::optional<PresenceEvent> Replace(Entry& entry, Presence presence, TimePoint now) MW_REQUIRES(mutex_);
  PresenceEvent PutOffline(Entry& entry) MW_REQUIRES(mutex_);
  // Those whose name is `name`, exactly or but for case; only the ones not offline, if there are any.
  std::vector<const Presence*> Named(std::string_view name, bool exactly) const MW_REQUIRES(mutex_);

  const std::chrono::milliseconds liveness_;
  mutable Mutex mutex_;
  Entries entries_ MW_GUARDED_BY(mutex_);  // by id
  // When each offline one was heard, and its id: the first is the first to be let go.
  std::set<std::pair<TimePoint, std::string>> offline_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
