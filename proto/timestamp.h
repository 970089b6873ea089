// Points in time on the wire: milliseconds since 1970, as a JSON number; ours are whole. Internal to proto
// but for the type.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <nlohmann/json_fwd.hpp>

#include "base/json.h"

namespace meshwarden {

using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// The field "ts" of `object`, without the fraction that peers with a finer clock send. InvalidArgument if it
// is missing, no number, negative, or beyond what a peer that counts in doubles can hold (2^53 - 1).
absl::StatusOr<Timestamp> DecodeTimestamp(const Json& object);
Json EncodeTimestamp(Timestamp timestamp);

}  // namespace meshwarden
