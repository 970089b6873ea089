#include "base/yaml/scalar_type.h"

#include <algorithm>
#include <array>
#include <string>

namespace meshwarden {
namespace {

constexpr std::size_t kLongestWord = 5;
constexpr std::string_view kDigits = "0123456789_";

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

template <typename Words>
bool Contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Takes what lies at the front of `text` and is in `characters`; true if there was something.
bool Take(std::string_view& text, std::string_view characters) {
  const std::size_t end = std::min(text.find_first_not_of(characters), text.size());
  text.remove_prefix(end);
  return end > 0;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsExponent(std::string_view text) {
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return Take(text, kDigits) && text.empty();
}

bool IsNumber(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  const std::string_view base = text.substr(0, 2);
  if (text.size() > 2 && (base == "0x" || base == "0o" || base == "0b")) {
    const std::string_view digits = base == "0x" ? "0123456789abcdefABCDEF_" : kDigits;
    return text.find_first_not_of(digits, 2) == text.npos;
  }
  const bool whole = !text.empty() && IsDigit(text[0]) && Take(text, kDigits);
  const bool point = !text.empty() && text[0] == '.';
  if (point) text.remove_prefix(1);
  const bool fraction = point && !text.empty() && IsDigit(text[0]) && Take(text, kDigits);
  return (whole || fraction) && IsExponent(text);
}

}  // namespace

ScalarType TypeOfPlainScalar(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kNulls = {"", "~", "null"};
  static constexpr std::array<std::string_view, 6> kBools = {"true", "false", "yes", "no", "on", "off"};
  static constexpr std::array<std::string_view, 4> kNumbers = {".inf", "-.inf", "+.inf", ".nan"};
  if (text.size() <= kLongestWord) {
    const std::string word = LowerCase(text);
    if (Contains(kNulls, word)) return ScalarType::kNull;
    if (Contains(kBools, word)) return ScalarType::kBool;
    if (Contains(kNumbers, word)) return ScalarType::kNumber;
  }
  return IsNumber(text) ? ScalarType::kNumber : ScalarType::kString;
}

}  // namespace meshwarden
