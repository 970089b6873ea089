#include "endpoint/space/channel_registry.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/status.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// The record under `key`; nothing if there is none or it was deleted.
absl::StatusOr<std::optional<std::string>> ReadRecord(JetStreamApi& api, std::string_view space,
                                                      std::string_view key) {
  const std::string bucket = ChannelBucket(space);
  absl::StatusOr<StoredMessage> stored = api.LastMessage(BucketStream(bucket), BucketSubject(bucket, key));
  if (HasJsError(stored.status(), JsError::kMessageNotFound)) return std::nullopt;
  if (!stored.ok()) return std::move(stored).status();
  if (stored->deleted) return std::nullopt;
  return std::move(stored->payload);
}

}  // namespace

absl::StatusOr<std::optional<ChannelConfig>> ReadChannelConfig(JetStreamApi& api, std::string_view space,
                                                               std::string_view channel) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  if (!IsConcreteChannel(channel)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is a pattern: the registry has records of channels only", channel));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> record, ReadRecord(api, space, channel));
  if (!record.has_value()) return std::nullopt;
  absl::StatusOr<ChannelConfig> config = DecodeStoredChannelConfig(*record);
  if (!config.ok()) return Annotate(config.status(), fmt::format("the registry's record of {}", channel));
  return *std::move(config);
}

absl::StatusOr<std::optional<ChannelDefaults>> ReadChannelDefaults(JetStreamApi& api,
                                                                   std::string_view space) {
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> record, ReadRecord(api, space, kChannelDefaultsKey));
  if (!record.has_value()) return std::nullopt;
  absl::StatusOr<ChannelDefaults> defaults = DecodeStoredChannelDefaults(*record);
  if (!defaults.ok()) return Annotate(defaults.status(), "the registry's defaults");
  return *std::move(defaults);
}

}  // namespace meshwarden
