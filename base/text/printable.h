// Repeating text of unknown origin to people: on a terminal, in a log line, in an answer. All that is printed
// of foreign text comes through here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshwarden {

// How much of a text Quoted repeats unless told.
inline constexpr std::size_t kMaxQuotedBytes = 64;

// True for characters that no text needs and that make it look different from what it says: control
// characters other than tab and line break, line separators, marks that turn the writing direction, a byte
// order mark.
bool IsDeceptive(char32_t character);

// `text` with tabs, line breaks and deceptive characters escaped as in JSON ("\n", "\u202e"), and with U+FFFD
// for each byte that is not UTF-8. Of more than `max_bytes` the beginning and "…"; no character is split.
// Quotes and backslashes stay, so what is printable stays as it is.
std::string Printable(std::string_view text, std::size_t max_bytes = std::string_view::npos);

// The same in double quotes, with quotes and backslashes escaped as well: a string of JSON, and of YAML.
std::string Quoted(std::string_view text, std::size_t max_bytes = kMaxQuotedBytes);

// How many columns of a terminal `text` takes, which must be printable: two for each character of the wide
// scripts of East Asia, none for a mark on another.
std::size_t ColumnsOf(std::string_view text);

}  // namespace meshwarden
