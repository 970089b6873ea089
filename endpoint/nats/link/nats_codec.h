// Messages between the C library's form and ours.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "endpoint/nats/link/nats_handles.h"
#include "endpoint/nats/link/nats_message.h"

namespace meshwarden {

// Valid as long as the message.
std::string_view SubjectOf(const natsMsg& message);

NatsMessage DecodeNatsMessage(natsMsg& message);

// InvalidArgument for a header that would break the message's lines.
absl::StatusOr<UniqueNatsMsg> EncodeNatsMessage(const NatsMessage& message);

}  // namespace meshwarden
