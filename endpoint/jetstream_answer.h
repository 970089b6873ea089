// Reading the JetStream API's answers: bounded, strict about what is used, the server's error codes kept.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "base/json.h"
#include "endpoint/connection.h"
#include "endpoint/jetstream_api.h"

namespace meshwarden {

// The answer as an object; an answer that reports an error is that error (see JsErrorCode).
absl::StatusOr<Json> DecodeAnswer(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<ConsumerInfo> DecodeConsumerInfo(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<StreamInfo> DecodeStreamInfo(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<StoredMessage> DecodeStoredMessage(absl::StatusOr<NatsMessage> answer);
// The sequence under which a published message was stored.
absl::StatusOr<std::uint64_t> DecodePublishAck(absl::StatusOr<NatsMessage> answer);

}  // namespace meshwarden
