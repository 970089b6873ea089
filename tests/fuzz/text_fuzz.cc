// Text of any origin, also such as is none: shown, cut and put into lower case. The first byte says where it
// is cut.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/text/lowercase.h"
#include "base/text/printable.h"
#include "base/text/utf8.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

bool IsUtf8(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(FirstCharacter(text).bytes)) {
    if (!FirstCharacter(text).valid()) return false;
  }
  return true;
}

void CheckCharacters(std::string_view text) {
  std::size_t forwards = 0;
  for (std::string_view rest = text; !rest.empty(); ++forwards) {
    const std::size_t bytes = FirstCharacter(rest).bytes;
    Require(bytes >= 1 && bytes <= rest.size(), "a character lies in its text");
    rest.remove_prefix(bytes);
  }
  for (std::string_view rest = text; !rest.empty(); --forwards) rest.remove_suffix(LastCharacter(rest).bytes);
  Require(forwards == 0, "there are as many characters read backwards");
}

void CheckCut(std::string_view text, std::size_t max_bytes) {
  const std::string_view head = FirstBytes(text, max_bytes);
  Require(text.starts_with(head) && head.size() <= max_bytes, "a cut leaves a beginning in bounds");
  Require(head.size() == text.size() || max_bytes - head.size() < 4, "a cut takes no more than it must");
  Require(!IsUtf8(text) || IsUtf8(head), "a cut splits no character");
}

void CheckShown(std::string_view text, std::size_t max_bytes) {
  const std::string shown = Printable(text, max_bytes);
  Require(IsUtf8(shown), "what is shown is UTF-8");
  for (std::string_view rest = shown; !rest.empty(); rest.remove_prefix(FirstCharacter(rest).bytes)) {
    Require(rest[0] != '\n' && rest[0] != '\t' && !IsDeceptive(FirstCharacter(rest).code_point),
            "what is shown steers no terminal");
  }
  Require(Printable(shown) == shown, "what is printable stays as it is");
  Require(ColumnsOf(shown) <= 2 * shown.size(), "no character takes more than two columns");
}

void CheckQuoted(std::string_view text, std::size_t max_bytes) {
  const auto read = nlohmann::json::parse(Quoted(text, max_bytes), nullptr, /*allow_exceptions=*/false);
  Require(read.is_string(), "what is quoted is a string of JSON");
  Require(text.size() > max_bytes || !IsUtf8(text) || read == text, "which says the same");
}

void CheckLowerCase(std::string_view text) {
  const std::string lower = LowerCase(text);
  Require(LowerCase(lower) == lower, "lower case stays as it is");
  Require(IsUtf8(lower) == IsUtf8(text), "text stays text, and invalid bytes stay");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t max_bytes = data[0];
  CheckCharacters(text);
  CheckCut(text, max_bytes);
  CheckShown(text, max_bytes);
  CheckQuoted(text, max_bytes);
  CheckLowerCase(text);
  return 0;
}
