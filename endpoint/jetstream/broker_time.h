// Points in time as the JetStream API writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace meshwarden {

// Nanoseconds since 1970 of a UTC time like "2026-01-31T12:00:00.123456789Z", as a delivery tells the time of
// a message (ack_subject.h). Nothing for any other text, and for years before 1970 or after 2500.
std::optional<std::uint64_t> NanosecondsOf(std::string_view time);

}  // namespace meshwarden
