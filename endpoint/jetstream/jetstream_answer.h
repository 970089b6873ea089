// Reading the JetStream API's answers: bounded, strict about what is used, the server's error codes kept.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

// The answer as an object; an answer that reports an error is that error (see JsErrorCode).
absl::StatusOr<Json> DecodeAnswer(absl::StatusOr<NatsMessage> answer);
// What a broker says of a thing that nobody leads just now, as a status of this layer.
absl::Status NoLeaderError(std::string_view what);
absl::StatusOr<ConsumerInfo> DecodeConsumerInfo(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<StreamInfo> DecodeStreamInfo(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<StoredMessage> DecodeStoredMessage(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<PublishAck> DecodePublishAck(absl::StatusOr<NatsMessage> answer);
// How many messages were purged.
absl::StatusOr<std::uint64_t> DecodePurge(absl::StatusOr<NatsMessage> answer);
// The sequence of the message that comes next.
absl::StatusOr<std::uint64_t> DecodeConsumerReset(absl::StatusOr<NatsMessage> answer);

// One page of a list; `total` is what the broker says there is in all pages.
struct SubjectPage {
  std::vector<std::pair<std::string, std::uint64_t>> subjects;
  std::uint64_t total = 0;
};
absl::StatusOr<SubjectPage> DecodeSubjectPage(absl::StatusOr<NatsMessage> answer);
absl::StatusOr<ConsumerPage> DecodeConsumerPage(absl::StatusOr<NatsMessage> answer);

}  // namespace meshwarden
