#include "endpoint/space/api_guard.h"

#include <fmt/format.h>

#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/nats/connection.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// What the answer to one probe says.
ApiGuard Judge(const absl::StatusOr<NatsMessage>& answer) {
  if (IsNoResponders(answer.status())) return ApiGuard::kInForce;
  const absl::Status status = DecodeAnswer(answer).status();
  const bool reached =
      HasJsError(status, JsError::kStreamNotFound) || HasJsError(status, JsError::kConsumerNotFound);
  return reached ? ApiGuard::kNotInForce : ApiGuard::kUnknown;
}

}  // namespace

std::vector<std::string> GuardedStreams(std::string_view space) {
  return {DmStream(space), TaskStream(space), BucketStream(PresenceBucket(space)),
          BucketStream(ChannelBucket(space)), BucketStream(AgentBucket(space))};
}

std::string ConsumerDeleteProbe(std::string_view stream) {
  return fmt::format("$JS.API.CONSUMER.DELETE.{}.meshwarden_probe", stream);
}

ApiGuard AskApiGuard(Connection& connection, std::string_view space, std::chrono::milliseconds timeout) {
  std::vector<std::string> probes = {std::string(kPurgeProbe)};
  for (const std::string& stream : GuardedStreams(space)) probes.push_back(ConsumerDeleteProbe(stream));
  // Where there is no JetStream at all, nobody listens anywhere.
  if (!connection.Request("$JS.API.INFO", "", timeout).ok()) return ApiGuard::kUnknown;
  ApiGuard verdict = ApiGuard::kInForce;
  for (const std::string& probe : probes) {
    const ApiGuard one = Judge(connection.Request(probe, "", timeout));
    if (one == ApiGuard::kNotInForce) return one;
    if (one == ApiGuard::kUnknown) verdict = one;
  }
  return verdict;
}

}  // namespace meshwarden
