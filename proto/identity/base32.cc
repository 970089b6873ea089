#include "proto/identity/base32.h"

#include <cassert>
#include <cstdint>

namespace meshwarden {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// The value of a character, or -1. No table: an index made of a seed would show in the cache.
int ValueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

}  // namespace

Base32Result DecodeBase32(std::string_view text, std::span<unsigned char> bytes) {
  if (text.size() != Base32Length(bytes.size())) return Base32Result::kBadLength;
  std::uint32_t window = 0;
  int bits = 0;
  std::size_t written = 0;
  for (const char c : text) {
    const int value = ValueOf(c);
    if (value < 0) return Base32Result::kBadCharacter;
    window = (window << 5) | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[written++] = static_cast<unsigned char>(window >> bits);
    window &= (1U << bits) - 1;
  }
  return window == 0 ? Base32Result::kOk : Base32Result::kTrailingBits;
}

void EncodeBase32(std::span<const unsigned char> bytes, std::span<char> text) {
  assert(text.size() == Base32Length(bytes.size()));
  std::uint32_t window = 0;
  int bits = 0;
  std::size_t written = 0;
  for (const unsigned char byte : bytes) {
    window = (window << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[written++] = kAlphabet[(window >> bits) & 31];
    }
    window &= (1U << bits) - 1;
  }
  if (bits > 0) text[written] = kAlphabet[(window << (5 - bits)) & 31];
}

}  // namespace meshwarden
