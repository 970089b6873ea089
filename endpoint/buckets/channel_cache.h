// What was last heard from the channel registry. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "endpoint/buckets/bucket_watch.h"
#include "proto/registry.h"

namespace meshwarden {

// More channels than this are not remembered.
inline constexpr std::size_t kMaxCachedChannels = 20'000;

class ChannelCache {
 public:
  // InvalidArgument for a record that can't be read; the one before stays, since whoever may not write
  // records can have the broker store such a one.
  absl::Status Apply(const BucketEntry& entry);
  void Clear();

  ChannelConfig Config(std::string_view channel) const;  // empty if there is none
  bool Replay(std::string_view channel) const;
  // All channels with a record.
  std::map<std::string, ChannelConfig, std::less<>> All() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, ChannelConfig, std::less<>> channels_ MW_GUARDED_BY(mutex_);
  ChannelDefaults defaults_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
