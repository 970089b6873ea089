// JSON from hostile bytes: refused with a reason, or read as another reader of the same grammar reads it. And
// the halves of pairs that stand alone, and the names that are there twice, against a simpler search.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/lone_surrogates.h"
#include "base/repeated_key.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

constexpr JsonLimits kLimits{.max_bytes = 1 << 16, .max_depth = 128, .max_values = 10'000};

void CheckSurrogates(std::string_view text) {
  const auto replaced = ReplaceLoneSurrogates(text);
  if (!replaced) return;
  Require(replaced->size() == text.size(), "places stay the same");
  Require(*replaced != text, "what is replaced changes");
  Require(!ReplaceLoneSurrogates(*replaced), "nothing is left to replace");
  // That one stops reading at a NUL.
  Require(text.find('\0') != std::string_view::npos || !Json::accept(text),
          "what can be read as it is stays");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((*replaced)[i] == text[i]) continue;
    const std::size_t begin = replaced->rfind("\\ufffd", i);
    Require(begin != std::string::npos && i - begin < 6, "only escapes change");
  }
}

void CheckRead(std::string_view text) {
  const std::string readable = ReplaceLoneSurrogates(text).value_or(std::string(text));
  const auto value = ParseJson(text, kLimits);
  if (!value.ok()) {
    Require(!value.status().message().empty(), "an error says what is wrong");
    return;
  }
  // Among equal keys the first counts there; here there are none.
  Require(Json::parse(readable, nullptr, /*allow_exceptions=*/false) == *value, "another reads the same");
  const auto again = ParseJson(DumpJson(*value), {.max_bytes = 1 << 20, .max_depth = 128});
  Require(again.ok() && DumpJson(*again) == DumpJson(*value), "what was written is read");
}

void CheckKeys(std::string_view text) {
  std::vector<std::string> keys;
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find('\n', begin);
    keys.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
  }
  const std::set<std::string> different(keys.begin(), keys.end());
  Require((FindRepeatedKey(keys) == nullptr) == (different.size() == keys.size()),
          "a key is there twice or not");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckSurrogates(text);
  CheckRead(text);
  CheckKeys(text);
  return 0;
}
