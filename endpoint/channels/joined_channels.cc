#include "endpoint/channels/joined_channels.h"

#include <algorithm>
#include <utility>

#include "proto/channel_pattern.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMostLeft = 1024;

}  // namespace

JoinedChannels::JoinedChannels(const std::vector<std::string>& initial, Strangers strangers)
    : strangers_(strangers) {
  for (const std::string& channel : initial) Join(channel);
}

JoinedChannels::Entries::iterator JoinedChannels::Find(std::string_view channel) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [channel](const Entry& entry) { return entry.channel == channel; });
}

std::vector<std::string> JoinedChannels::List() const {
  MutexLock lock(mutex_);
  std::vector<std::string> channels;
  for (const Entry& entry : entries_) {
    if (entry.joined) channels.push_back(entry.channel);
  }
  return channels;
}

bool JoinedChannels::Contains(std::string_view channel) const {
  MutexLock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [channel](const Entry& entry) { return entry.joined && entry.channel == channel; });
}

bool JoinedChannels::IsJoinedBesides(std::string_view channel, std::string_view besides) const {
  MutexLock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.joined && entry.channel != besides && PatternCovers(entry.channel, channel);
  });
}

std::string JoinedChannels::DefaultChannel() const {
  MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.joined && IsConcreteChannel(entry.channel)) return entry.channel;
  }
  return "general";
}

std::uint64_t JoinedChannels::Watermark(std::string_view channel) const {
  MutexLock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [channel](const Entry& entry) { return entry.channel == channel; });
  return found == entries_.end() ? 0 : found->watermark;
}

JoinedChannels::Live JoinedChannels::Judge(std::string_view channel, std::uint64_t seq) const {
  MutexLock lock(mutex_);
  Live verdict = Live::kNotJoined;
  for (const Entry& entry : entries_) {
    if (!PatternCovers(entry.channel, channel)) continue;
    if (entry.watermark < seq) return Live::kDeliver;
    verdict = Live::kBelowWatermark;
  }
  const bool stranger = verdict == Live::kNotJoined && strangers_ == Strangers::kTake && !WasLeft(channel);
  return stranger ? Live::kDeliver : verdict;
}

bool JoinedChannels::WasLeft(std::string_view channel) const {
  return std::any_of(left_.begin(), left_.end(),
                     [channel](const std::string& pattern) { return PatternCovers(pattern, channel); });
}

void JoinedChannels::Arm(std::string_view channel, std::uint64_t watermark) {
  MutexLock lock(mutex_);
  const auto found = Find(channel);
  if (found != entries_.end()) {
    found->watermark = watermark;
    return;
  }
  entries_.push_back({.channel = std::string(channel), .watermark = watermark});
}

void JoinedChannels::Join(std::string_view channel) {
  MutexLock lock(mutex_);
  std::erase(left_, channel);
  const auto found = Find(channel);
  if (found == entries_.end()) {
    entries_.push_back({.channel = std::string(channel), .joined = true});
    return;
  }
  if (found->joined) return;
  found->joined = true;
  std::rotate(found, found + 1, entries_.end());
}

void JoinedChannels::Disarm(std::string_view channel) {
  MutexLock lock(mutex_);
  const auto found = Find(channel);
  if (found != entries_.end() && !found->joined) entries_.erase(found);
}

void JoinedChannels::Leave(std::string_view channel) {
  MutexLock lock(mutex_);
  const auto found = Find(channel);
  if (found == entries_.end()) return;
  entries_.erase(found);
  std::erase(left_, channel);
  left_.emplace_back(channel);
  if (left_.size() > kMostLeft) left_.pop_front();
}

void JoinedChannels::AddBackfill(PendingBackfill backfill) {
  MutexLock lock(mutex_);
  const auto found = Find(backfill.channel);
  if (found == entries_.end()) return;
  backfill.number = ++backfills_;
  found->backfill = std::move(backfill);
}

std::vector<PendingBackfill> JoinedChannels::Backfills() const {
  MutexLock lock(mutex_);
  std::vector<PendingBackfill> backfills;
  for (const Entry& entry : entries_) {
    if (entry.backfill) backfills.push_back(*entry.backfill);
  }
  return backfills;
}

PendingBackfill* JoinedChannels::FindBackfill(const PendingBackfill& read) {
  const auto found = Find(read.channel);
  if (found == entries_.end() || !found->backfill || found->backfill->number != read.number) return nullptr;
  return &*found->backfill;
}

void JoinedChannels::Progress(const PendingBackfill& read, std::uint64_t next_seq) {
  MutexLock lock(mutex_);
  PendingBackfill* const backfill = FindBackfill(read);
  if (backfill == nullptr) return;
  backfill->next_seq = next_seq;
  backfill->since.reset();
  if (next_seq > backfill->until) Find(read.channel)->backfill.reset();
}

void JoinedChannels::DropBackfill(const PendingBackfill& read) {
  MutexLock lock(mutex_);
  if (FindBackfill(read) != nullptr) Find(read.channel)->backfill.reset();
}

void JoinedChannels::Owe(std::string_view channel, std::uint64_t after, std::uint64_t until) {
  MutexLock lock(mutex_);
  const auto entry = Find(channel);
  if (entry == entries_.end() || !entry->joined) return;
  const std::uint64_t from = std::max(after, entry->watermark) + 1;
  if (entry->backfill) {
    entry->backfill->until = std::max(entry->backfill->until, until);
    // What came later was to come live; now it is owed too.
    entry->backfill->before = 0;
  } else if (from <= until) {
    entry->backfill = {.channel = entry->channel,
                       .next_seq = from,
                       .until = until,
                       .since = std::nullopt,
                       .before = 0,
                       .afresh_until = 0,
                       .number = ++backfills_};
  }
}

void JoinedChannels::ForgetPositions() {
  MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    entry.watermark = 0;
    entry.backfill.reset();
  }
}

}  // namespace meshwarden
