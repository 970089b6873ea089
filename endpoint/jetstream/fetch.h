// Fetching messages from a consumer that exists already: one pull request, bounded in number and time.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "endpoint/nats/connection.h"

namespace meshwarden {

struct FetchOptions {
  std::size_t max_messages = 256;
  // How long the server may wait for the first message; zero takes only what is there.
  std::chrono::milliseconds wait{0};
};

// Pulls from `consumer` of `stream` and returns what came, each with its own subject and, as `reply`, the
// subject that acknowledges it (see Ack). Fewer messages than asked for, or none, is no error. Blocking; must
// not be called from a handler of this connection.
absl::StatusOr<std::vector<NatsMessage>> Fetch(Connection& connection, std::string_view stream,
                                               std::string_view consumer, const FetchOptions& options);

// Acknowledges a fetched message.
absl::Status Ack(Connection& connection, const NatsMessage& message);

}  // namespace meshwarden
