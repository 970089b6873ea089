// Repeating text of unknown origin in a message that a person reads on a terminal or in a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshwarden {

// `text`, cut to at most `max_bytes` of it without splitting a UTF-8 character (a cut shows as "…" at the
// end), with control characters, line separators and characters that turn the writing direction escaped as in
// JSON ("\n", "\u202e"), and with U+FFFD for each byte that is not UTF-8. Quotes and backslashes stay.
std::string Echo(std::string_view text, std::size_t max_bytes);

}  // namespace meshwarden
