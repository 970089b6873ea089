#include "proto/token.h"

#include <algorithm>

#include "base/text/utf8.h"

namespace meshwarden {
namespace {

// ECMAScript's WhiteSpace and LineTerminator productions. U+0085 is in neither.
bool IsWhiteSpace(char32_t c) {
  switch (c) {
    case 0x20:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
    case 0xFEFF:
      return true;
    default:
      return (c >= 0x09 && c <= 0x0D) || (c >= 0x2000 && c <= 0x200A);
  }
}

bool IsSafe(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string_view TrimWhiteSpace(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character first = FirstCharacter(text);
    if (!IsWhiteSpace(first.code_point)) break;
    text.remove_prefix(first.bytes);
  }
  while (!text.empty()) {
    const Utf8Character last = LastCharacter(text);
    if (!IsWhiteSpace(last.code_point)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

std::string Token(std::string_view text) {
  text = TrimWhiteSpace(text);
  std::string token;
  token.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = FirstCharacter(text);
    if (character.bytes == 1 && IsSafe(text.front())) {
      token.push_back(text.front());
    } else {
      token.append(character.bytes == 4 ? 2 : 1, '_');
    }
    text.remove_prefix(character.bytes);
  }
  return token.empty() ? "_" : token;
}

std::string RoutingToken(std::string_view text) { return text == "*" ? "*" : Token(text); }

bool IsSafeToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsSafe);
}

}  // namespace meshwarden
