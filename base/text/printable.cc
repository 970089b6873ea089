#include "base/text/printable.h"

#include <uniwidth.h>

#include <array>
#include <cstdint>

namespace meshwarden {
namespace {

constexpr std::size_t kMaxQuotedBytes = 64;

std::uint8_t ByteAt(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

// How long a character is whose first byte is `lead`; 0 for a byte that begins none.
std::size_t LengthByLead(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// The code point of `length` bytes whose shape has been checked.
char32_t Decode(std::string_view text, std::size_t length) {
  static constexpr std::array<std::uint8_t, 5> kLeadMask = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t value = ByteAt(text, 0) & kLeadMask[length];
  for (std::size_t i = 1; i < length; ++i) value = value << 6 | (ByteAt(text, i) & 0x3FU);
  return value;
}

bool IsOverlongOrNoCharacter(char32_t value, std::size_t length) {
  static constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  return value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF);
}

}  // namespace

std::size_t Utf8Length(std::string_view text) {
  if (text.empty()) return 0;
  const std::size_t length = LengthByLead(ByteAt(text, 0));
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((ByteAt(text, i) & 0xC0U) != 0x80U) return 0;
  }
  return IsOverlongOrNoCharacter(Decode(text, length), length) ? 0 : length;
}

char32_t Utf8CodePoint(std::string_view text) { return Decode(text, LengthByLead(ByteAt(text, 0))); }

bool IsDeceptive(char32_t character) {
  if (character == '\t' || character == '\n') return false;
  return character < 0x20 || (character >= 0x7F && character < 0xA0) ||  // control characters
         (character >= 0x200E && character <= 0x200F) ||                 // direction marks
         (character >= 0x2028 && character <= 0x202E) ||                 // line separators, embeddings
         (character >= 0x2066 && character <= 0x2069) ||                 // isolates
         character == 0xFEFF;
}

std::string Printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const bool shown = length > 0 && !IsDeceptive(Utf8CodePoint(text)) && text[0] != '\n' && text[0] != '\t';
    if (shown) {
      result.append(text.substr(0, length));
    } else {
      result.push_back(length > 0 && text[0] == '\t' ? ' ' : '?');
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return result;
}

std::string Clipped(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return Printable(text);
  std::size_t end = max_bytes;
  while (end > 0 && (ByteAt(text, end) & 0xC0U) == 0x80U) --end;
  return Printable(text.substr(0, end)) + "...";
}

std::string Quoted(std::string_view text) { return '"' + Clipped(text, kMaxQuotedBytes) + '"'; }

std::size_t ColumnsOf(std::string_view text) {
  const int columns = u8_width(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), "UTF-8");
  return static_cast<std::size_t>(columns);
}

}  // namespace meshwarden
