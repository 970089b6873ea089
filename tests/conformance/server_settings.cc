#include "tests/conformance/server_settings.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/status.h"

namespace meshwarden::conformance {
namespace {

constexpr std::string_view kBlank = " \t\r\n:=,;";
constexpr std::string_view kEndOfWord = " \t\r\n:=,;{}\"#";

struct Symbol {
  enum class Kind { kWord, kOpen, kClose } kind;
  std::string text;
};

absl::Status Unreadable(std::string_view text, std::size_t at) {
  return absl::InvalidArgumentError(
      fmt::format("cannot read the server configuration from \"{}\" on", text.substr(at, 20)));
}

// The string that begins with the quote at `at`; `at` moves behind it.
std::optional<std::string> TakeString(std::string_view text, std::size_t& at) {
  std::string value;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') {
      ++at;
      return value;
    }
    if (text[at] == '\\' && ++at == text.size()) break;
    value.push_back(text[at]);
  }
  return std::nullopt;
}

std::string TakeWord(std::string_view text, std::size_t& at) {
  const std::size_t end = std::min(text.find_first_of(kEndOfWord, at), text.size());
  const std::string word(text.substr(at, end - at));
  at = end;
  return word;
}

absl::StatusOr<std::vector<Symbol>> ReadSymbols(std::string_view text) {
  std::vector<Symbol> symbols;
  for (std::size_t at = 0; (at = text.find_first_not_of(kBlank, at)) != std::string_view::npos;) {
    const std::size_t start = at;
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (text[at] == '{' || text[at] == '}') {
      symbols.push_back({text[at++] == '{' ? Symbol::Kind::kOpen : Symbol::Kind::kClose, ""});
    } else if (text[at] == '"') {
      std::optional<std::string> value = TakeString(text, at);
      if (!value) return Unreadable(text, start);
      symbols.push_back({Symbol::Kind::kWord, *std::move(value)});
    } else if (text[at] == '[' || text[at] == '$' || text.substr(at, 8) == "include ") {
      return Unreadable(text, start);
    } else {
      symbols.push_back({Symbol::Kind::kWord, TakeWord(text, at)});
    }
  }
  return symbols;
}

}  // namespace

absl::StatusOr<ServerSettings> ReadServerSettings(std::string_view text) {
  MW_ASSIGN_OR_RETURN(const std::vector<Symbol> symbols, ReadSymbols(text));
  ServerSettings settings;
  std::vector<std::string> prefixes = {""};
  std::optional<std::string> key;
  for (const Symbol& symbol : symbols) {
    const bool fits =
        symbol.kind == Symbol::Kind::kWord || key.has_value() == (symbol.kind == Symbol::Kind::kOpen);
    if (!fits) return absl::InvalidArgumentError("server configuration: a brace where none belongs");
    if (symbol.kind == Symbol::Kind::kOpen) {
      prefixes.push_back(fmt::format("{}{}.", prefixes.back(), *key));
      key.reset();
    } else if (symbol.kind == Symbol::Kind::kClose) {
      prefixes.pop_back();
      if (prefixes.empty()) return absl::InvalidArgumentError("server configuration: a brace too many");
    } else if (!key) {
      key = symbol.text;
    } else {
      const std::string name = prefixes.back() + *key;
      if (!settings.emplace(name, symbol.text).second) {
        return absl::InvalidArgumentError(fmt::format("server configuration: {} is set twice", name));
      }
      key.reset();
    }
  }
  if (key || prefixes.size() != 1) return absl::InvalidArgumentError("server configuration: ends too soon");
  return settings;
}

}  // namespace meshwarden::conformance
