// What a space's registry says of its channels, asked of the bucket's leader: for decisions that a stale
// record must not make, such as whether a newcomer may hear the history. Blocking; an agent's credential
// suffices.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string_view>

#include "endpoint/jetstream/jetstream_api.h"
#include "proto/registry.h"

namespace meshwarden {

// Nothing if the registry has no record of it. InvalidArgument for a channel that is not strict and concrete,
// and for a record that can't be read.
absl::StatusOr<std::optional<ChannelConfig>> ReadChannelConfig(JetStreamApi& api, std::string_view space,
                                                               std::string_view channel);
absl::StatusOr<std::optional<ChannelDefaults>> ReadChannelDefaults(JetStreamApi& api, std::string_view space);

}  // namespace meshwarden
