// The history that is still to be read because a channel was joined, or was out of the filter for a while.
// It is noted at once, and becomes a backfill as soon as the broker tells up to where, and whether the
// channel's policy lets it be read.
//
// Outlives connections. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

class OwedHistory {
 public:
  // What is pointed to must outlive this object.
  OwedHistory(std::string space, JetStreamApi& api, JoinedChannels& channels);

  // Of a channel that is being joined: what its policy lets a newcomer read. Up to `afresh_until`, a sequence
  // of the stream, also what was met in an earlier stay.
  void Owe(const std::string& channel, std::uint64_t afresh_until);
  // Of a channel that was joined all the time but may have been out of the filter: what came after `after`,
  // whatever the policy.
  void OweMissed(const std::string& channel, std::uint64_t after);
  // The channel was left.
  void Drop(std::string_view channel);
  // The stream was made anew, and its sequences begin again.
  void ForgetPositions();

  bool Owes(std::string_view channel) const;
  bool empty() const;
  // `settled`, or less if the channel is owed what came after less.
  std::uint64_t MissedAfter(std::string_view channel, std::uint64_t settled) const;

  // Makes backfills of what is owed, up to the stream's last sequence of now: so not while a filter is moved.
  // An error leaves owed what it is about. Blocks.
  absl::Status Note();
  // Makes a backfill of what the policy of `channel` lets a newcomer read, if there is some. Blocks.
  struct Extent {
    std::uint64_t frontier = 0;  // not beyond this sequence of the stream
    std::uint64_t afresh_until = 0;
    std::uint64_t before = 0;  // a time, see PendingBackfill
  };
  absl::Status NoteNow(const std::string& channel, const Extent& extent);
  // The stream's last sequence. Blocks.
  absl::StatusOr<std::uint64_t> Frontier();

 private:
  const std::string space_;
  JetStreamApi& api_;
  JoinedChannels& channels_;

  mutable Mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> owed_ MW_GUARDED_BY(mutex_);    // to afresh_until
  std::map<std::string, std::uint64_t, std::less<>> missed_ MW_GUARDED_BY(mutex_);  // to after
};

}  // namespace meshwarden
