// Showing text that we do not trust to people: on a terminal, in a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshwarden {

// How many bytes the first character of `text` takes; 0 if it is no valid UTF-8 or `text` is empty.
std::size_t Utf8Length(std::string_view text);

// The first character of `text`, which must be valid UTF-8.
char32_t Utf8CodePoint(std::string_view text);

// True for characters that no policy needs and that make a text look different from what it says: control
// characters other than tab and line break, marks that turn the writing direction, a byte order mark.
bool IsDeceptive(char32_t character);

// `text` with '?' for each control or deceptive character and for each invalid byte.
std::string Printable(std::string_view text);

// Printable; of more than `max_bytes` the beginning and "...". No character is cut.
std::string Clipped(std::string_view text, std::size_t max_bytes);

// Clipped to 64 bytes, in double quotes.
std::string Quoted(std::string_view text);

// How many columns of a terminal `text` takes, which must be printable: two for each character of the wide
// scripts of East Asia, none for a mark on another.
std::size_t ColumnsOf(std::string_view text);

}  // namespace meshwarden
