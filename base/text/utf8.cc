#include "base/text/utf8.h"

#include <unistr.h>

#include <array>
#include <cstdint>

namespace meshwarden {
namespace {

constexpr std::size_t kLongestCharacter = 4;

const std::uint8_t* BytesOf(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

Utf8Character FirstCharacter(std::string_view text) {
  ucs4_t code_point = 0;
  // Negative for what is no character, or only the beginning of one.
  const int length = u8_mbtoucr(&code_point, BytesOf(text), text.size());
  if (length <= 0) return {};
  return {code_point, static_cast<std::size_t>(length)};
}

Utf8Character LastCharacter(std::string_view text) {
  const std::size_t last = text.size() - 1;
  return FirstCharacter(text.substr(CharacterStart(text, last)));
}

std::size_t CharacterStart(std::string_view text, std::size_t index) {
  if (index >= text.size()) return index;
  for (std::size_t back = 1; back < kLongestCharacter && back <= index; ++back) {
    if (FirstCharacter(text.substr(index - back)).bytes > back) return index - back;
  }
  return index;
}

std::string_view FirstBytes(std::string_view text, std::size_t max_bytes) {
  return text.substr(0, CharacterStart(text, max_bytes));
}

std::size_t Utf16Length(std::string_view text) {
  std::size_t units = 0;
  while (!text.empty()) {
    const Utf8Character character = FirstCharacter(text);
    units += character.bytes == 4 ? 2 : 1;
    text.remove_prefix(character.bytes);
  }
  return units;
}

void AppendUtf8(char32_t code_point, std::string& text) {
  std::array<std::uint8_t, kLongestCharacter> bytes{};
  const int length = u8_uctomb(bytes.data(), code_point, bytes.size());
  text.append(bytes.begin(), bytes.begin() + length);
}

}  // namespace meshwarden
