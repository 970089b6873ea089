// Reading UTF-8 one character at a time, for the rules that speak of characters. What a character is, is
// known by libunistring.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshwarden {

struct Utf8Character {
  // What a byte that starts no valid character decodes to; beyond every code point.
  static constexpr char32_t kInvalid = 0x110000;

  char32_t code_point = kInvalid;
  std::size_t bytes = 1;  // how many bytes it takes; 1 for an invalid byte

  bool valid() const { return code_point < kInvalid; }
};

// The first or the last character of `text`, which must not be empty. Overlong forms, surrogates and values
// beyond U+10FFFF are invalid.
Utf8Character FirstCharacter(std::string_view text);
Utf8Character LastCharacter(std::string_view text);

// Where the character begins that holds the byte at `index`: `index` itself if that byte begins one, is
// invalid, or is past the end of `text`.
std::size_t CharacterStart(std::string_view text, std::size_t index);

// The longest beginning of `text` that has at most `max_bytes` and splits no character.
std::string_view FirstBytes(std::string_view text, std::size_t max_bytes);

// How many UTF-16 units `text` takes, as JavaScript counts the length of a string; an invalid byte is one.
std::size_t Utf16Length(std::string_view text);

// Appends `code_point`, which must be valid, to `text`.
void AppendUtf8(char32_t code_point, std::string& text);

}  // namespace meshwarden
