#include "manager/watch/registry_keeper.h"

#include <string_view>

#include "base/status.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/registry.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kInterval{2'000};
// Read in one go, so that whoever stores much does not keep the watcher from everything else.
constexpr int kMostAtATime = 256;

// Keys that no reader of the registry takes for an entry are nobody's concern.
bool IsEntry(std::string_view key) {
  if (key == kChannelDefaultsKey) return true;
  const absl::StatusOr<ChannelPattern> channel = ChannelPattern::Parse(key);
  return channel.ok() && channel->is_concrete();
}

// What can be told from an entry is none.
template <typename Record>
bool IsRecord(const absl::StatusOr<Record>& record) {
  return record.ok() && !IsBrokerAnswer(*record);
}

bool IsReadable(std::string_view key, std::string_view value) {
  return key == kChannelDefaultsKey ? IsRecord(DecodeChannelDefaults(value))
                                    : IsRecord(DecodeChannelConfig(value));
}

}  // namespace

RegistryKeeper::RegistryKeeper(const Parts& parts)
    : parts_(parts),
      bucket_(ChannelBucket(parts.space)),
      stream_(BucketStream(bucket_)),
      due_(std::chrono::steady_clock::now()) {}

absl::Status RegistryKeeper::LookAtDue() {
  const Time now = std::chrono::steady_clock::now();
  if (now < due_) return absl::OkStatus();
  due_ = now + kInterval;
  return LookAtNews();
}

void RegistryKeeper::LookAtAllSoon() {
  next_seq_ = 1;
  due_ = std::chrono::steady_clock::now();
}

absl::Status RegistryKeeper::LookAtNews() {
  for (int i = 0; i < kMostAtATime; ++i) {
    const absl::StatusOr<StoredMessage> next =
        parts_.api.NextMessage(stream_, BucketSubject(bucket_, ">"), next_seq_);
    if (HasJsError(next.status(), JsError::kMessageNotFound)) return absl::OkStatus();
    MW_RETURN_IF_ERROR(next.status());
    const std::string key = KeyOf(next->subject);
    if (!key.empty()) MW_RETURN_IF_ERROR(LookAt(key));
    next_seq_ = next->seq + 1;
  }
  return absl::OkStatus();
}

std::string RegistryKeeper::KeyOf(std::string_view subject) const {
  const std::string prefix = BucketSubject(bucket_, "");
  if (!subject.starts_with(prefix)) return "";
  const std::string_view key = subject.substr(prefix.size());
  return IsEntry(key) ? std::string(key) : "";
}

absl::Status RegistryKeeper::LookAt(const std::string& key) {
  const absl::StatusOr<StoredMessage> stored = parts_.api.LastMessage(stream_, BucketSubject(bucket_, key));
  if (HasJsError(stored.status(), JsError::kMessageNotFound) || (stored.ok() && stored->deleted)) {
    copies_.erase(key);
    return absl::OkStatus();
  }
  MW_RETURN_IF_ERROR(stored.status());
  if (!IsReadable(key, stored->payload)) return PutBack(key, stored->seq);
  const auto copy = copies_.find(key);
  if (copy != copies_.end()) {
    copy->second = stored->payload;
  } else if (copies_.size() < kMaxEntries) {
    copies_.emplace(key, stored->payload);
  }
  return absl::OkStatus();
}

absl::Status RegistryKeeper::PutBack(const std::string& key, std::uint64_t damaged_seq) {
  const auto copy = copies_.find(key);
  if (copy == copies_.end()) {
    parts_.log.Tell({.level = LogLevel::kError,
                     .message =
                         "an entry of the channel registry is unreadable, and no copy of it is known; set "
                         "it anew",
                     // An agent can have junk stored under keys of its choice: one line for all of them.
                     .of = "",
                     .fields = {{"channel", key}}});
    return absl::OkStatus();
  }
  const absl::Status written =
      parts_.api.PublishStored(BucketSubject(bucket_, key), copy->second, damaged_seq).status();
  // Somebody was first: another manager, or whoever set it anew.
  if (HasJsError(written, JsError::kWrongLastSequence)) return absl::OkStatus();
  MW_RETURN_IF_ERROR(written);
  parts_.log.Tell({.level = LogLevel::kError,
                   .message = "an entry of the channel registry was replaced by what is none; put back",
                   .of = key,
                   .fields = {{"channel", key}}});
  return absl::OkStatus();
}

}  // namespace meshwarden
