#include "base/text/echo.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/text/utf8.h"

namespace meshwarden {
namespace {

bool MustBeEscaped(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x200E && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

std::string Escape(char32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
  }
}

}  // namespace

std::string Echo(std::string_view text, std::size_t max_bytes) {
  std::string echo;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character character = FirstCharacter(text.substr(at));
    if (at + character.bytes > max_bytes) {
      return echo + "…";
    }
    if (!character.valid()) {
      echo += "\uFFFD";
    } else if (MustBeEscaped(character.code_point)) {
      echo += Escape(character.code_point);
    } else {
      echo += text.substr(at, character.bytes);
    }
    at += character.bytes;
  }
  return echo;
}

}  // namespace meshwarden
