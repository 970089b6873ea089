// Looks at all durables of a space's message streams, remembers where they stand, and gives back the place of
// one that somebody has moved.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "manager/watch/asked_moves.h"
#include "manager/watch/broker_event.h"
#include "manager/watch/durable_places.h"
#include "manager/watch/look_pace.h"
#include "manager/watch/watch_log.h"
#include "manager/watch/watch_options.h"
#include "manager/watch/watch_repairs.h"

namespace meshwarden {

// Blocking. For one thread at a time.
class PlaceKeeper {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // What a look has found that is not the keeper's to mend.
  struct Findings {
    std::set<std::string> without_chat;  // ids of agents whose chat durable was there and is not
    std::set<std::string> crowded;       // ids of agents on whose chat durable too many pulls wait
  };
  // All must outlive this object.
  struct Parts {
    std::string space;
    WatchRepairs& repairs;
    WatchLog& log;
  };
  PlaceKeeper(const Parts& parts, const WatchOptions& options);

  DurablePlaces& chat_places() { return streams_.front().places; }

  // A durable was moved. `by`: whom that names, for the log; empty if nobody is. One that no client moved is
  // looked for soon.
  void Heard(const PlaceMove& move, std::string_view by);
  // All streams are due, but for those that were looked at a moment ago.
  void LookSoon();
  Time next_due() const;
  // Every durable that was there has been met at least once.
  bool knows_all() const;
  // Called between the pages of a list, since there may be many; false breaks the look off.
  using Attend = std::function<bool()>;
  // Looks at the streams that are due, or at all.
  Findings LookAtDue(const Attend& attend);
  Findings LookAtAll(const Attend& attend);

 private:
  struct Stream {
    std::string name;
    LookPace pace;
    DurablePlaces places = {};
    bool known = false;  // has been listed to its end
    AskedMoves asked = {};
  };

  void Look(Stream& stream, const Attend& attend, Findings& findings);
  absl::Status TakePages(Stream& stream, const Attend& attend, Findings& findings);
  void Take(Stream& stream, const ConsumerInfo& durable, Findings& findings);
  void GiveBack(Stream& stream, const ConsumerInfo& durable, std::uint64_t settled);
  void CountPulls(const Stream& stream, const ConsumerInfo& durable, Findings& findings);
  void NoteMissing(Stream& stream, Findings& findings);
  void TellUnreadable(const Stream& stream, std::size_t count);
  void LookFailed(const Stream& stream, const absl::Status& status);

  const Parts parts_;
  const WatchOptions options_;
  RepairDelay delay_;
  std::array<Stream, 3> streams_;  // chat first
};

}  // namespace meshwarden
