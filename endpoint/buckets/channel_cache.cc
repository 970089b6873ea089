#include "endpoint/buckets/channel_cache.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"

namespace meshwarden {

absl::Status ChannelCache::Apply(const BucketEntry& entry) {
  if (entry.key == kChannelDefaultsKey) {
    absl::StatusOr<ChannelDefaults> defaults = ChannelDefaults{};
    if (!entry.deleted) defaults = DecodeStoredChannelDefaults(entry.payload);
    if (!defaults.ok()) return Annotate(defaults.status(), "the channel registry's defaults");
    MutexLock lock(mutex_);
    defaults_ = *std::move(defaults);
    return absl::OkStatus();
  }
  if (!IsChannelName(entry.key)) {
    return absl::InvalidArgumentError(
        fmt::format("the channel registry has a record of {}, which is no channel", Quoted(entry.key)));
  }
  absl::StatusOr<ChannelConfig> config = ChannelConfig{};
  if (!entry.deleted) config = DecodeStoredChannelConfig(entry.payload);
  if (!config.ok()) return Annotate(config.status(), "the channel registry's record of " + entry.key);
  MutexLock lock(mutex_);
  if (entry.deleted) {
    channels_.erase(entry.key);
  } else if (channels_.size() < kMaxCachedChannels || channels_.contains(entry.key)) {
    channels_.insert_or_assign(entry.key, *std::move(config));
  }
  return absl::OkStatus();
}

void ChannelCache::Clear() {
  MutexLock lock(mutex_);
  channels_.clear();
  defaults_ = {};
}

ChannelConfig ChannelCache::Config(std::string_view channel) const {
  MutexLock lock(mutex_);
  const auto found = channels_.find(channel);
  return found == channels_.end() ? ChannelConfig{} : found->second;
}

bool ChannelCache::Replay(std::string_view channel) const {
  MutexLock lock(mutex_);
  const auto found = channels_.find(channel);
  return EffectiveReplay(found == channels_.end() ? ChannelConfig{} : found->second, defaults_);
}

std::map<std::string, ChannelConfig, std::less<>> ChannelCache::All() const {
  MutexLock lock(mutex_);
  return channels_;
}

}  // namespace meshwarden
