// Asking a broker whether the verbs of the JetStream API that destroy are out of reach in a space (see
// provisioning/space/api_mappings.h). Nothing that exists is named in the question, so that it does no harm.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

// The streams of a space whose consumers are deleted by a privileged party only: all but the chat stream's,
// where agents delete their own history readers.
std::vector<std::string> GuardedStreams(std::string_view space);

// The subjects of the question: a stream and consumers that nobody has.
inline constexpr std::string_view kPurgeProbe = "$JS.API.STREAM.PURGE.MESHWARDEN_PROBE";
std::string ConsumerDeleteProbe(std::string_view stream);

enum class ApiGuard {
  kInForce,
  kNotInForce,  // at least one verb is within reach
  kUnknown,     // the credential may not ask, or nobody answered in time
};

// Asks with a connection of profile setup or mover. Blocking, for at most `timeout` for each of the streams.
ApiGuard AskApiGuard(Connection& connection, std::string_view space, std::chrono::milliseconds timeout);

}  // namespace meshwarden
