#include "endpoint/channels/owed_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/status.h"
#include "endpoint/space/channel_registry.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/registry.h"

namespace meshwarden {

OwedHistory::OwedHistory(std::string space, JetStreamApi& api, JoinedChannels& channels)
    : space_(std::move(space)), api_(api), channels_(channels) {}

void OwedHistory::Owe(const std::string& channel, std::uint64_t afresh_until) {
  MutexLock lock(mutex_);
  owed_.emplace(channel, afresh_until);
}

void OwedHistory::OweMissed(const std::string& channel, std::uint64_t after) {
  MutexLock lock(mutex_);
  const auto [entry, added] = missed_.emplace(channel, after);
  if (!added) entry->second = std::min(entry->second, after);
}

void OwedHistory::Drop(std::string_view channel) {
  MutexLock lock(mutex_);
  if (const auto owed = owed_.find(channel); owed != owed_.end()) owed_.erase(owed);
  if (const auto missed = missed_.find(channel); missed != missed_.end()) missed_.erase(missed);
}

void OwedHistory::ForgetPositions() {
  MutexLock lock(mutex_);
  for (auto& [channel, afresh_until] : owed_) afresh_until = 0;
  for (auto& [channel, after] : missed_) after = 0;
}

bool OwedHistory::Owes(std::string_view channel) const {
  MutexLock lock(mutex_);
  return owed_.contains(channel) || missed_.contains(channel);
}

bool OwedHistory::empty() const {
  MutexLock lock(mutex_);
  return owed_.empty() && missed_.empty();
}

std::uint64_t OwedHistory::MissedAfter(std::string_view channel, std::uint64_t settled) const {
  MutexLock lock(mutex_);
  const auto missed = missed_.find(channel);
  return missed == missed_.end() ? settled : std::min(settled, missed->second);
}

// What was published while the filter moved may lie below what the durable has delivered, or come live: the
// history is read up to the frontier of now, and what is met twice is handed over once.
absl::Status OwedHistory::Note() {
  std::map<std::string, std::uint64_t, std::less<>> owed;
  {
    MutexLock lock(mutex_);
    if (owed_.empty() && missed_.empty()) return absl::OkStatus();
    owed = owed_;
  }
  MW_ASSIGN_OR_RETURN(const std::uint64_t frontier, Frontier());
  {
    MutexLock lock(mutex_);
    for (const auto& [channel, after] : std::exchange(missed_, {})) channels_.Owe(channel, after, frontier);
  }
  absl::Status first_error;
  for (const auto& [channel, afresh_until] : owed) {
    const absl::Status noted = NoteNow(channel, {.frontier = frontier, .afresh_until = afresh_until});
    if (!noted.ok()) {
      const std::string context = fmt::format("the history of channel \"{}\" has to wait", channel);
      if (first_error.ok()) first_error = Annotate(noted, context);
      // Whoever joins or binds waits for this.
      if (absl::IsDeadlineExceeded(noted) || absl::IsUnavailable(noted)) break;
      continue;
    }
    MutexLock lock(mutex_);
    owed_.erase(channel);
  }
  return first_error;
}

// The policy is read fresh: a newcomer must not hear what has just been closed.
absl::Status OwedHistory::NoteNow(const std::string& channel, const Extent& extent) {
  if (extent.frontier == 0) return absl::OkStatus();
  std::optional<ChannelConfig> config;
  // A pattern has no record of its own.
  if (IsConcreteChannel(channel)) {
    MW_ASSIGN_OR_RETURN(config, ReadChannelConfig(api_, space_, channel));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<ChannelDefaults> defaults, ReadChannelDefaults(api_, space_));
  const ChannelConfig own = config.value_or(ChannelConfig{});
  const ChannelDefaults general = defaults.value_or(ChannelDefaults{});
  if (!EffectiveReplay(own, general)) return absl::OkStatus();
  PendingBackfill backfill;
  backfill.channel = channel;
  backfill.until = extent.frontier;
  backfill.afresh_until = extent.afresh_until;
  backfill.before = extent.before;
  if (const auto window = EffectiveReplayWindow(own, general)) {
    const auto now = std::chrono::system_clock::now();
    // A window beyond the clock's beginning is no bound.
    if (*window < std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch()) {
      backfill.since = now - *window;
    }
  }
  channels_.AddBackfill(std::move(backfill));
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> OwedHistory::Frontier() {
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(ChatStream(space_)));
  return stream.last_seq;
}

}  // namespace meshwarden
