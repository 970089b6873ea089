#include "proto/lowercase.h"

#include <algorithm>
#include <array>

#include "proto/utf8.h"

namespace meshwarden {
namespace {

constexpr char32_t kDottedCapitalI = 0x130;
constexpr char32_t kCombiningDotAbove = 0x307;
constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;

// Capitals from `first` to `last`, every `step`-th code point, whose small letters lie `distance` further on.
struct CapitalRange {
  char32_t first;
  char32_t last;
  char32_t step;
  int distance;
};

constexpr std::array kCapitals = std::to_array<CapitalRange>({
    {0x41, 0x5A, 1, 32},      // Latin
    {0xC0, 0xD6, 1, 32},      // Latin-1
    {0xD8, 0xDE, 1, 32},      //
    {0x100, 0x12E, 2, 1},     // Latin Extended-A
    {0x132, 0x136, 2, 1},     //
    {0x139, 0x147, 2, 1},     //
    {0x14A, 0x176, 2, 1},     //
    {0x178, 0x178, 1, -121},  //
    {0x179, 0x17D, 2, 1},     //
    {0x1CD, 0x1DB, 2, 1},     // Latin Extended-B
    {0x1DE, 0x1EE, 2, 1},     //
    {0x1F8, 0x21E, 2, 1},     //
    {0x222, 0x232, 2, 1},     //
    {0x386, 0x386, 1, 38},    // Greek
    {0x388, 0x38A, 1, 37},    //
    {0x38C, 0x38C, 1, 64},    //
    {0x38E, 0x38F, 1, 63},    //
    {0x391, 0x3A1, 1, 32},    //
    {0x3A3, 0x3AB, 1, 32},    //
    {0x400, 0x40F, 1, 80},    // Cyrillic
    {0x410, 0x42F, 1, 32},    //
    {0x460, 0x480, 2, 1},     //
    {0x48A, 0x4BE, 2, 1},     //
    {0x4C0, 0x4C0, 1, 15},    //
    {0x4C1, 0x4CD, 2, 1},     //
    {0x4D0, 0x52E, 2, 1},     //
    {0x531, 0x556, 1, 48},    // Armenian
    {0x1E00, 0x1E94, 2, 1},   // Latin Extended Additional
    {0x1E9E, 0x1E9E, 1, -7615}, {0x1EA0, 0x1EFE, 2, 1},
});

char32_t Small(char32_t c) {
  for (const CapitalRange& range : kCapitals) {
    if (c < range.first || c > range.last || (c - range.first) % range.step != 0) continue;
    return static_cast<char32_t>(static_cast<int>(c) + range.distance);
  }
  return c;
}

// Letters of the scripts above that have case.
bool IsCased(char32_t c) {
  if (c == 0xD7 || c == 0xF7) return false;
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= 0xC0 && c <= 0x24F) ||
         (c >= 0x386 && c <= 0x481) || (c >= 0x48A && c <= 0x52F) || (c >= 0x531 && c <= 0x587) ||
         (c >= 0x1E00 && c <= 0x1FFC);
}

// What the rule for a final sigma looks past: marks, and punctuation within words.
bool IsIgnorable(char32_t c) {
  constexpr std::u32string_view kInWords = U"'.:^`\u00A8\u00AD\u00AF\u00B4\u00B7\u00B8\u2018\u2019\u2027";
  return kInWords.find(c) != std::u32string_view::npos || (c >= 0x300 && c <= 0x36F);
}

bool StartsWithCased(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = FirstCharacter(text);
    if (!IsIgnorable(character.code_point)) return IsCased(character.code_point);
    text.remove_prefix(character.bytes);
  }
  return false;
}

bool EndsWithCased(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = LastCharacter(text);
    if (!IsIgnorable(character.code_point)) return IsCased(character.code_point);
    text.remove_suffix(character.bytes);
  }
  return false;
}

}  // namespace

std::string LowerCase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character character = FirstCharacter(text.substr(at));
    const std::size_t next = at + character.bytes;
    if (!character.valid()) {
      lower.push_back(text[at]);
    } else if (character.code_point == kDottedCapitalI) {
      AppendUtf8('i', lower);
      AppendUtf8(kCombiningDotAbove, lower);
    } else if (character.code_point == kCapitalSigma && EndsWithCased(text.substr(0, at)) &&
               !StartsWithCased(text.substr(next))) {
      AppendUtf8(kFinalSigma, lower);
    } else {
      AppendUtf8(Small(character.code_point), lower);
    }
    at = next;
  }
  return lower;
}

}  // namespace meshwarden
