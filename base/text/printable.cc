#include "base/text/printable.h"

#include <fmt/format.h>
#include <unictype.h>
#include <uniwidth.h>

#include <cstdint>

#include "base/text/utf8.h"

namespace meshwarden {
namespace {

constexpr char32_t kByteOrderMark = 0xFEFF;
constexpr std::string_view kReplacement = "\uFFFD";
constexpr std::string_view kCutMark = "…";

// As in JSON. No deceptive character needs more than four digits.
std::string Escaped(char32_t character) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    default:
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character));
  }
}

// `text` with what `must_be_escaped` escaped, and each invalid byte replaced.
std::string Shown(std::string_view text, std::size_t max_bytes, bool (*must_be_escaped)(char32_t)) {
  std::string_view rest = FirstBytes(text, max_bytes);
  const bool cut = rest.size() < text.size();
  std::string shown;
  shown.reserve(rest.size());
  while (!rest.empty()) {
    const Utf8Character character = FirstCharacter(rest);
    if (!character.valid()) {
      shown += kReplacement;
    } else if (must_be_escaped(character.code_point)) {
      shown += Escaped(character.code_point);
    } else {
      shown += rest.substr(0, character.bytes);
    }
    rest.remove_prefix(character.bytes);
  }
  if (cut) shown += kCutMark;
  return shown;
}

bool IsUnprintable(char32_t character) {
  return character == '\t' || character == '\n' || IsDeceptive(character);
}

bool NeedsEscapeInQuotes(char32_t character) {
  return character == '"' || character == '\\' || IsUnprintable(character);
}

}  // namespace

bool IsDeceptive(char32_t character) {
  if (character == '\t' || character == '\n') return false;
  constexpr std::uint32_t kControlsAndSeparators =
      UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
  return uc_is_general_category_withtable(character, kControlsAndSeparators) ||
         uc_is_property_bidi_control(character) || character == kByteOrderMark;
}

std::string Printable(std::string_view text, std::size_t max_bytes) {
  return Shown(text, max_bytes, IsUnprintable);
}

std::string Quoted(std::string_view text, std::size_t max_bytes) {
  return '"' + Shown(text, max_bytes, NeedsEscapeInQuotes) + '"';
}

std::size_t ColumnsOf(std::string_view text) {
  const int columns = u8_width(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), "UTF-8");
  return static_cast<std::size_t>(columns);
}

}  // namespace meshwarden
