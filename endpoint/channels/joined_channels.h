// The channels and patterns that an endpoint reads, and from where on: the part of joining, leaving and
// coming back that can be decided without a broker.
//
// Each pattern has a watermark, the stream's last sequence when it was joined: what lies at or below it
// belongs to the history and is not taken from the live stream. It outlives connections, and so does an
// unfinished backfill; both end when the stream itself was made anew. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

// History that is still to be read: of `channel`, from `next_seq` (or from `since`, if that is set and
// nothing has been read yet) up to and including `until`.
struct PendingBackfill {
  std::string channel;  // or pattern
  std::uint64_t next_seq = 1;
  std::uint64_t until = 0;
  std::optional<std::chrono::system_clock::time_point> since;
  // What was stored at this time or later is no part of it: the broker's nanoseconds since 1970; 0 for no
  // bound.
  std::uint64_t before = 0;
  // What lies up to here is handed over although it may have been met before: in an earlier stay.
  std::uint64_t afresh_until = 0;
  // Which one of the channel's it is; JoinedChannels gives it.
  std::uint64_t number = 0;
  bool operator==(const PendingBackfill&) const = default;
};

class JoinedChannels {
 public:
  // What is delivered of a channel that is neither joined nor armed and was not left: somebody else has put
  // it into the filter.
  enum class Strangers {
    kDrop,  // not joined: only what was asked for is read
    kTake,  // whoever moves the filter says what is read; it will be joined when that is noticed
  };
  // Joined from the start, without watermarks. Repetitions are dropped.
  explicit JoinedChannels(const std::vector<std::string>& initial, Strangers strangers = Strangers::kDrop);

  std::vector<std::string> List() const;  // joined ones, in the order of joining
  bool Contains(std::string_view channel) const;
  // Whether the concrete `channel` is in one that is joined, other than `besides`.
  bool IsJoinedBesides(std::string_view channel, std::string_view besides) const;
  std::string DefaultChannel() const;                       // the first concrete one, else "general"
  std::uint64_t Watermark(std::string_view channel) const;  // 0 of one that is neither joined nor armed

  enum class Live {
    kDeliver,
    kBelowWatermark,  // of each pattern that matches
    kNotJoined,
  };
  // Whether the message at `seq` on the concrete `channel` is taken from the live stream. A pattern that is
  // armed counts as joined: the filter may have moved already.
  Live Judge(std::string_view channel, std::uint64_t seq) const;

  // A join or a bind: Arm before the filter moves, then Join, or Disarm if it did not move. Arming one that
  // is joined sets its watermark. Join of one that is not armed arms it at 0; Disarm leaves a joined one
  // alone.
  void Arm(std::string_view channel, std::uint64_t watermark);
  void Join(std::string_view channel);
  void Disarm(std::string_view channel);
  // With its watermark and its backfill.
  void Leave(std::string_view channel);

  // Backfills, at most one of a channel; adding one again replaces it, under another number. Progress:
  // `read`, one of Backfills(), has been read up to `next_seq`; nothing is left of it once that lies behind
  // its end, which may have moved meanwhile. DropBackfill: it can't be read. Neither does anything if the
  // channel no longer has that one: it was left, and perhaps joined again.
  void AddBackfill(PendingBackfill backfill);
  std::vector<PendingBackfill> Backfills() const;
  void Progress(const PendingBackfill& read, std::uint64_t next_seq);
  void DropBackfill(const PendingBackfill& read);
  // What was published to the channel after `after` and up to `until` did not come live, or may not have: it
  // is owed as history, from the watermark on, in addition to what is owed already. Nothing if the channel is
  // not joined. What of it has been met is not handed over again.
  void Owe(std::string_view channel, std::uint64_t after, std::uint64_t until);

  // The stream was made anew: sequences begin again, so watermarks go to 0 and backfills are dropped.
  void ForgetPositions();

 private:
  struct Entry {
    std::string channel;
    std::uint64_t watermark = 0;
    bool joined = false;
    std::optional<PendingBackfill> backfill = std::nullopt;
  };
  using Entries = std::vector<Entry>;
  Entries::iterator Find(std::string_view channel) MW_REQUIRES(mutex_);
  bool WasLeft(std::string_view channel) const MW_REQUIRES(mutex_);
  // The channel's backfill if it still is `read`, else null.
  PendingBackfill* FindBackfill(const PendingBackfill& read) MW_REQUIRES(mutex_);

  const Strangers strangers_;

  mutable Mutex mutex_;
  // Patterns that were left last and not joined again: what still comes of them is no stranger's.
  std::deque<std::string> left_ MW_GUARDED_BY(mutex_);
  // In the order of joining; one that is armed only stands where it was armed.
  Entries entries_ MW_GUARDED_BY(mutex_);
  std::uint64_t backfills_ MW_GUARDED_BY(mutex_) = 0;  // how many there have been
};

}  // namespace meshwarden
