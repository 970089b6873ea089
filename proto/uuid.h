// Ids of messages, and of instances in open mode.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// A random UUID (version 4) in lower case. Thread-safe.
std::string NewUuid();

// Whether `text` is eight, four, four, four and twelve hexadecimal digits, of either case, joined by dashes;
// of whatever version.
bool IsUuid(std::string_view text);

}  // namespace meshwarden
