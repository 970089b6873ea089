#include "endpoint/buckets/twin_watch.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include "proto/uuid.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxStampBytes = 64;
constexpr std::size_t kMostTwins = 8;
constexpr std::chrono::minutes kSameAgain{10};
constexpr std::chrono::seconds kNextOne{10};
// The year 9999.
constexpr std::int64_t kLatestTime = 253'402'300'799'000;

bool IsStampCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

}  // namespace

std::string NewStartStamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("{}-{}", std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                     NewUuid().substr(0, 8));
}

// Another program may use a field of this name for something else.
std::optional<std::string> StartStampOf(const Presence& presence) {
  const auto found = presence.unknown.find(kStartField);
  if (found == presence.unknown.end() || !found->is_string()) return std::nullopt;
  const auto& stamp = found->get_ref<const std::string&>();
  if (stamp.empty() || stamp.size() > kMaxStampBytes) return std::nullopt;
  if (!std::all_of(stamp.begin(), stamp.end(), IsStampCharacter)) return std::nullopt;
  return stamp;
}

std::string DescribeTwin(std::string_view stamp) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(stamp.data(), stamp.data() + stamp.size(), ms);
  if (error != std::errc() || ms <= 0 || ms > kLatestTime) return "another process runs under this id";
  return fmt::format("another process runs under this id, started at {:%Y-%m-%dT%H:%M:%SZ} by its clock",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)));
}

TwinWatch::TwinWatch(std::string own, std::chrono::milliseconds heartbeat)
    : own_(std::move(own)), apart_(heartbeat / 2) {}

void TwinWatch::Begin() {
  MutexLock lock(mutex_);
  own_heard_ = false;
  last_seq_ = 0;
  heard_.clear();
}

void TwinWatch::Heard(const Presence& presence, std::uint64_t seq, TimePoint now) {
  const std::optional<std::string> stamp = StartStampOf(presence);
  MutexLock lock(mutex_);
  // A watch that is made anew brings the last record again.
  if (seq == last_seq_) return;
  if (seq < last_seq_) {
    // The bucket was made anew.
    own_heard_ = false;
    heard_.clear();
  }
  last_seq_ = seq;
  if (!stamp.has_value()) return;
  if (*stamp == own_) {
    own_heard_ = true;
    return;
  }
  if (!own_heard_ || presence.status == PresenceStatus::kOffline) return;
  const auto heard = heard_.find(*stamp);
  if (heard == heard_.end()) return NoteFirst(*stamp, now);
  heard->second.last = now;
  if (now - heard->second.first >= apart_) news_ = *stamp;
}

void TwinWatch::NoteFirst(const std::string& stamp, TimePoint now) {
  if (heard_.size() == kMostTwins) {
    heard_.erase(std::min_element(heard_.begin(), heard_.end(), [](const auto& one, const auto& other) {
      return one.second.last < other.second.last;
    }));
  }
  heard_.emplace(stamp, Times{.first = now, .last = now});
}

std::optional<std::string> TwinWatch::TakeNews(TimePoint now) {
  MutexLock lock(mutex_);
  std::optional<std::string> stamp = std::exchange(news_, std::nullopt);
  if (!stamp.has_value()) return std::nullopt;
  std::erase_if(told_, [&](const auto& entry) { return now - entry.second >= kSameAgain; });
  if (told_.contains(*stamp) || told_.size() >= kMostTwins) return std::nullopt;
  // It is heard of again soon, if it lives.
  if (last_told_.has_value() && now - *last_told_ < kNextOne) return std::nullopt;
  last_told_ = now;
  told_.emplace(*stamp, now);
  return stamp;
}

}  // namespace meshwarden
