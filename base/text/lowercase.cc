#include "base/text/lowercase.h"

#include <unicase.h>
#include <unictype.h>

#include "base/text/utf8.h"

namespace meshwarden {
namespace {

constexpr char32_t kDottedCapitalI = 0x130;
constexpr char32_t kCombiningDotAbove = 0x307;
constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;

// What ends a word is found here, not by the library's u8_tolower: that takes no apostrophe for a part of a
// word, and a raised letter for one that has case, where JavaScript looks past both.
bool IsIgnorable(const Utf8Character& character) {
  return character.valid() && uc_is_property_case_ignorable(character.code_point);
}

bool IsCased(const Utf8Character& character) {
  return character.valid() && uc_is_property_cased(character.code_point);
}

bool StartsWithCased(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = FirstCharacter(text);
    if (!IsIgnorable(character)) return IsCased(character);
    text.remove_prefix(character.bytes);
  }
  return false;
}

bool EndsWithCased(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = LastCharacter(text);
    if (!IsIgnorable(character)) return IsCased(character);
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
      AppendUtf8(uc_tolower(character.code_point), lower);
    }
    at = next;
  }
  return lower;
}

}  // namespace meshwarden
