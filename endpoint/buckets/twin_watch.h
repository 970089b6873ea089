// Notices another process that runs under the same id, by the start stamp in presence records: each process
// of ours writes one of its own beside the contract's fields, and peers that know nothing of it write none.
//
// What an earlier life of this process has left behind, or had on its way when it died, is no other process:
// one counts only once it has been heard twice, half a heartbeat apart, after a record of this process had
// come by. A goodbye does not count either.
//
// Thread-safe; outlives connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "proto/presence.h"

namespace meshwarden {

// The field of a presence record that holds the stamp: "<milliseconds since 1970>-<letters and digits>".
inline constexpr char kStartField[] = "meshwardenStart";

// A stamp of a process that starts now; no two are alike.
std::string NewStartStamp();
// The stamp that a record carries, if it carries one.
std::optional<std::string> StartStampOf(const Presence& presence);
// What to say of a process with that stamp: when it started, by its own clock.
std::string DescribeTwin(std::string_view stamp);

class TwinWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `own`: the stamp of this process; `heartbeat`: between two records of it.
  TwinWatch(std::string own, std::chrono::milliseconds heartbeat);

  const std::string& own() const { return own_; }

  // Another watch of the bucket begins: what was heard before has to be heard again.
  void Begin();
  // A record under this process' id, at `seq` of the bucket.
  void Heard(const Presence& presence, std::uint64_t seq, TimePoint now);
  // The stamp of another process that is to be told of now: each once in ten minutes, and only one in ten
  // seconds.
  std::optional<std::string> TakeNews(TimePoint now);

 private:
  struct Times {
    TimePoint first;
    TimePoint last;
  };
  void NoteFirst(const std::string& stamp, TimePoint now) MW_REQUIRES(mutex_);

  const std::string own_;
  const std::chrono::milliseconds apart_;

  Mutex mutex_;
  bool own_heard_ MW_GUARDED_BY(mutex_) = false;
  std::uint64_t last_seq_ MW_GUARDED_BY(mutex_) = 0;
  // Bounded, since anybody who gets a record under this id may choose the stamp: the one that has been silent
  // for longest makes room.
  std::map<std::string, Times, std::less<>> heard_ MW_GUARDED_BY(mutex_);
  std::map<std::string, TimePoint, std::less<>> told_ MW_GUARDED_BY(mutex_);
  std::optional<std::string> news_ MW_GUARDED_BY(mutex_);
  std::optional<TimePoint> last_told_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
