// What may stand in the protocol's text lines. The C library writes subjects out as they are given: one with
// a line break in it would smuggle in a command of its own.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <string_view>

namespace meshwarden {

// Longest subject that is sent; a server's limit on a whole line is 4,096 bytes unless it is told otherwise.
inline constexpr std::size_t kMaxSubjectBytes = 2048;

// InvalidArgument for an empty subject or token, for white space and control characters, and for a subject
// that is too long. Wildcards are fine, also to publish to: the API's subjects end in a filter.
absl::Status CheckSubject(std::string_view subject);
// For queue names and header fields: visible characters, no line break; may be empty.
absl::Status CheckLineText(std::string_view what, std::string_view text);

}  // namespace meshwarden
