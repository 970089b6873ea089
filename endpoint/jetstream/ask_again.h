// Asking a broker that may be electing a leader just now.
//
// A server of a cluster that becomes the leader of something knows nothing of what was asked of the one
// before it, and until there is one nobody answers, or the answer is that there is none. Whoever asks once
// and waits loses all of that time. So what does no harm when it is said twice is said again.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <string>

#include "endpoint/nats/connection.h"

namespace meshwarden {

// Sends the request, and again each second without an answer; shortly after an answer that says "not now"
// (Unavailable by the broker's own word) too, for at most three seconds. The first answer of any of them
// counts; without one, DeadlineExceeded after `timeout`. Blocks; not to be called on a thread of the
// connection. A lost connection ends it at once.
absl::StatusOr<NatsMessage> AskAgain(Connection& connection, const std::string& subject,
                                     const std::string& body, std::chrono::milliseconds timeout,
                                     const std::function<absl::Status(const NatsMessage&)>& judge);

}  // namespace meshwarden
