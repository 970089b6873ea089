// Base32 as nkeys write it: RFC 4648's alphabet, upper case, no padding. Works in memory of the caller, so
// that a seed is never copied to where it is not wiped.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace meshwarden {

constexpr std::size_t Base32Length(std::size_t bytes) { return (bytes * 8 + 4) / 5; }

enum class Base32Result {
  kOk,
  kBadLength,     // no number of bytes has a text of this length, or `bytes` is not of that number
  kBadCharacter,  // outside A-Z, 2-7
  kTrailingBits,  // decoded, but the bits after the last byte are not zero: not what an encoder writes
};

// Fills `bytes` from `text`.
Base32Result DecodeBase32(std::string_view text, std::span<unsigned char> bytes);

// Fills `text`, which must be Base32Length(bytes.size()) long.
void EncodeBase32(std::span<const unsigned char> bytes, std::span<char> text);

}  // namespace meshwarden
