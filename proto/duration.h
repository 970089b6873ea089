// Durations as people write them in a policy and in the channel registry: "90s", "30m", "24h", "7d".
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string_view>

namespace meshwarden {

// The longest duration that is accepted. It fits 64 bits as nanoseconds, but not added to a system_clock time
// of nanoseconds: bound it first, or calculate in milliseconds.
inline constexpr std::chrono::milliseconds kMaxDuration = std::chrono::hours(24) * 100'000;

// A whole number and one of s, m, h, d, with white space around it or none. InvalidArgument for anything else
// and for more than kMaxDuration: it is refused, never clamped.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

}  // namespace meshwarden
