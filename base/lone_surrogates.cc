#include "base/lone_surrogates.h"

#include <algorithm>
#include <cstddef>

namespace meshwarden {
namespace {

constexpr std::size_t kEscapeBytes = 6;  // \uXXXX

enum class Half { kNone, kHigh, kLow };

bool IsOneOf(std::string_view characters, char c) { return characters.find(c) != std::string_view::npos; }

bool IsHexDigit(char c) { return IsOneOf("0123456789abcdefABCDEF", c); }

// Which half of a pair the escape is that begins at `at`, if one does.
Half HalfAt(std::string_view json, std::size_t at) {
  const std::string_view escape = json.substr(std::min(at, json.size()), kEscapeBytes);
  if (escape.size() < kEscapeBytes || escape[0] != '\\' || escape[1] != 'u') return Half::kNone;
  if (!IsOneOf("dD", escape[2]) || !IsHexDigit(escape[4]) || !IsHexDigit(escape[5])) return Half::kNone;
  if (IsOneOf("89abAB", escape[3])) return Half::kHigh;
  return IsOneOf("cdefCDEF", escape[3]) ? Half::kLow : Half::kNone;
}

}  // namespace

std::optional<std::string> ReplaceLoneSurrogates(std::string_view json) {
  std::optional<std::string> replaced;
  std::size_t at = json.find('\\');
  while (at != std::string_view::npos) {
    const Half half = HalfAt(json, at);
    std::size_t next = at + 2;  // behind what is escaped, be it a backslash
    if (half == Half::kHigh && HalfAt(json, at + kEscapeBytes) == Half::kLow) {
      next = at + 2 * kEscapeBytes;
    } else if (half != Half::kNone) {
      if (!replaced) replaced.emplace(json);
      replaced->replace(at + 2, 4, "fffd");
      next = at + kEscapeBytes;
    }
    at = json.find('\\', next);
  }
  return replaced;
}

}  // namespace meshwarden
