// Makes chat durables anew that were deleted, and takes one away with all pulls that stand on it.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "manager/watch/deletion_notes.h"
#include "manager/watch/durable_places.h"
#include "manager/watch/watch_log.h"
#include "manager/watch/watch_options.h"
#include "manager/watch/watch_repairs.h"

namespace meshwarden {

// Blocking. For one thread at a time.
class ChatRestorer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // All must outlive this object. `places`: those of the space's chat stream.
  struct Parts {
    std::string space;
    WatchRepairs& repairs;
    DurablePlaces& places;
    WatchLog& log;
  };
  ChatRestorer(const Parts& parts, const WatchOptions& options);

  // The durable of `id` may be gone: soon it is looked for, and made anew if so.
  void NoteGone(const std::string& id);
  // Who deletes it, as the broker tells, before or after it tells that it is gone; empty: nobody who can be
  // named. What another manager has deleted is left to it for a while.
  void NoteDeletedBy(const std::string& id, std::string_view user);

  // When something is due.
  Time next_due() const;
  void MakeDue();
  // What was taken away here and could not be made anew yet: one try more.
  void Finish();

  // Deletes the durable of `id`, calls `between`, and makes it anew. The pulls that stand on it, here and at
  // other durables, end when the broker looks at them: `between` is to have it do so. Does nothing for who is
  // no agent of today, and for whom it was done a moment ago.
  void TakeAway(const std::string& id, const std::function<void()>& between);

 private:
  struct Gone {
    Time due;
    std::chrono::milliseconds retry;
    SystemTime at;
    bool taken_away = false;              // by this restorer
    std::optional<Time> left_until = {};  // to another manager, which has taken it away
  };

  Gone& NoteGoneAt(const std::string& id, Time due);
  // True when there is nothing more to do for it.
  bool Attend(const std::string& id, Gone& gone);
  bool IsMadeByOther(const std::string& id, Gone& gone);
  bool Make(const std::string& id, Gone& gone);
  void TellMade(const std::string& id, const Gone& gone, const WatchRepairs::Anew& anew);
  bool TellUnmade(const std::string& id, const absl::Status& status);

  const Parts parts_;
  const WatchOptions options_;
  const std::string stream_;
  RepairDelay delay_;
  std::map<std::string, Gone> gone_;  // by id
  DeletionNotes deleted_by_;
  std::map<std::string, Time> taken_away_at_;
};

}  // namespace meshwarden
