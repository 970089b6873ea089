// The names that people give to endpoints ("Ada Lovelace"). Not an identity: nothing is decided by them.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <string_view>

namespace meshwarden {

inline constexpr std::size_t kMaxNameBytes = 256;

// A name is not empty, has no white space around it, no '/' (which parts owner and name) and is one line of
// at most kMaxNameBytes. InvalidArgument quotes the name as JSON would, so that it cannot break a log line.
absl::Status ValidateName(std::string_view name);

}  // namespace meshwarden
