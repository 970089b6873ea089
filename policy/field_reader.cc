#include "policy/field_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/status.h"
#include "base/text/printable.h"
#include "base/yaml/scalar_type.h"
#include "policy/channel_advice.h"
#include "policy/limits.h"
#include "proto/duration.h"
#include "proto/identity/nkey.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr std::string_view kChannels = "channels";

bool IsLetterOrDigit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string ProblemOfLength(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() <= kMaxNameBytes) return "";
  return fmt::format("has {} bytes, more than the {} allowed", name.size(), kMaxNameBytes);
}

// What was likely meant by a name that is none: other characters become '-'.
std::string AdviseOnName(std::string_view name, std::string (*check)(std::string_view)) {
  std::string likely;
  for (const char c : name) {
    if (IsLetterOrDigit(c) || c == '_') {
      likely.push_back(c);
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return "write a name, such as worker-1";  // what is left of a word would be no name
    } else if (!likely.empty() && likely.back() != '-') {
      likely.push_back('-');
    }
  }
  while (!likely.empty() && likely.back() == '-') likely.pop_back();
  if (check(likely).empty()) return fmt::format("did you mean {}?", likely);
  return name.size() > kMaxNameBytes ? "shorten it" : "write a name, such as worker-1";
}

std::string ProblemOfAgentName(std::string_view name) {
  return name == kEveryAgent ? "is for launchers only" : ProblemOfName(name);
}
std::string ProblemOfAgentNameOrAll(std::string_view name) {
  return name == kEveryAgent ? "" : ProblemOfName(name);
}

std::string ProblemOfChannel(std::string_view channel) { return MessageOf(ValidateChannel(channel)); }
std::string ProblemOfNothing(std::string_view) { return ""; }

// What a node is, for "must be X, not Y".
std::string Described(YamlNode node) {
  switch (node.kind()) {
    case YamlKind::kNull:
      return "null";
    case YamlKind::kList:
      return "a list";
    case YamlKind::kMapping:
      return "a mapping";
    case YamlKind::kScalar:
    case YamlKind::kRefused:
      break;
  }
  if (node.style() != YamlStyle::kPlain) return "the string " + Quoted(node.text());
  switch (TypeOfPlainScalar(node.text())) {
    case ScalarType::kNull:
      return "null";
    case ScalarType::kBool:
      return "the truth value " + std::string(node.text());
    case ScalarType::kNumber:
      return "the number " + std::string(node.text());
    case ScalarType::kString:
      break;
  }
  return "the string " + Quoted(node.text());
}

// A string that is one word, as it would be written again.
bool IsWord(YamlNode node) {
  return node.kind() == YamlKind::kScalar && node.style() != YamlStyle::kBlock && node.text().size() <= 64 &&
         TypeOfPlainScalar(node.text()) == ScalarType::kString &&
         node.text().find_first_of(" ,[]{}") == std::string_view::npos;
}

// "write KEY: X" where a list of one stands and X was wanted.
std::string SuggestElement(const YamlEntry& entry) {
  const std::vector<YamlNode> elements = entry.second.Elements();
  const std::string_view word = elements.size() == 1 && IsWord(elements[0]) ? elements[0].text() : "VALUE";
  if (entry.second.kind() == YamlKind::kNull) {
    return fmt::format("write {}: VALUE, or leave {} out", entry.first.text(), entry.first.text());
  }
  return fmt::format("write {}: {}", entry.first.text(), word);
}

// "write KEY: [X]" where X stands and a list was wanted.
std::string SuggestList(const YamlEntry& entry) {
  const YamlNode node = entry.second;
  if (IsWord(node)) {
    const bool plain = node.style() == YamlStyle::kPlain;  // else the quotes may be needed, as around *
    return fmt::format("write {}: [{}]", entry.first.text(), plain ? node.text() : Quoted(node.text()));
  }
  if (node.kind() == YamlKind::kNull)
    return fmt::format("list something, or leave {} out", entry.first.text());
  return fmt::format("write {}: [ONE, ANOTHER]", entry.first.text());
}

}  // namespace

std::string ProblemOfName(std::string_view name) {
  if (std::string problem = ProblemOfLength(name); !problem.empty()) return problem;
  const auto allowed = [](char c) { return IsLetterOrDigit(c) || c == '_' || c == '-' || c == '.'; };
  if (!std::all_of(name.begin(), name.end(), allowed)) {
    return "may have only letters, digits, _, - and .";
  }
  if (name[0] == '-' || name[0] == '.') return "must begin with a letter, a digit or _";
  return "";
}

std::string ProblemOfToken(std::string_view token) {
  if (std::string problem = ProblemOfLength(token); !problem.empty()) return problem;
  return IsSafeToken(token) ? "" : "may have only letters, digits, _ and -: it becomes part of subjects";
}

std::optional<std::string_view> FieldReader::Scalar(YamlNode node, const std::string& what, Check check) {
  if (node.kind() == YamlKind::kRefused) return std::nullopt;
  const std::string problem = check(node.text());
  const bool is_scalar = node.kind() == YamlKind::kScalar;
  const bool is_plain = node.style() == YamlStyle::kPlain;
  if (!is_scalar || (is_plain && TypeOfPlainScalar(node.text()) != ScalarType::kString)) {
    // Quotes help only what is fit in quotes.
    const bool quotes_help = !node.text().empty() && problem.empty() && check != ProblemOfNothing;
    Report(
        node.place(), fmt::format("{} must be a string, not {}", what, Described(node)),
        quotes_help ? fmt::format("write {}", Quoted(node.text())) : "write a name or, in quotes, a pattern");
  } else if (node.style() == YamlStyle::kBlock) {
    Report(node.place(), fmt::format("{} must be a string on one line", what),
           check == ProblemOfChannel ? R"(a pattern that is > alone must stand in quotes: ">")"
                                     : "write it without | or >");
  } else if (problem.empty()) {
    return node.text();
  } else if (check == ProblemOfChannel) {
    Report(node.place(), problem, AdviseOnChannel(node.text()));
  } else {
    Report(node.place(), fmt::format("{} {} {}", what, Quoted(node.text()), problem),
           AdviseOnName(node.text(), check));
  }
  return std::nullopt;
}

void FieldReader::ReportType(const YamlEntry& entry, std::string_view wanted, std::string suggestion) {
  const YamlNode node = entry.second;
  if (node.kind() == YamlKind::kRefused) return;
  const bool missing = node.kind() == YamlKind::kNull;
  Report(missing ? entry.first.place() : node.place(),
         missing ? fmt::format("{} has no value", entry.first.text())
                 : fmt::format("{} must be {}, not {}", entry.first.text(), wanted, Described(node)),
         std::move(suggestion));
}

std::optional<std::string_view> FieldReader::Text(const YamlEntry& entry) {
  if (entry.second.kind() == YamlKind::kScalar) {
    return Scalar(entry.second, std::string(entry.first.text()), ProblemOfNothing);
  }
  ReportType(entry, "a string", SuggestElement(entry));
  return std::nullopt;
}

std::optional<std::string_view> FieldReader::Name(const YamlEntry& entry) {
  if (entry.second.kind() != YamlKind::kScalar) return Text(entry);
  return Scalar(entry.second, std::string(entry.first.text()), ProblemOfName);
}

std::optional<std::string_view> FieldReader::Token(const YamlEntry& entry) {
  if (entry.second.kind() != YamlKind::kScalar) return Text(entry);
  return Scalar(entry.second, std::string(entry.first.text()), ProblemOfToken);
}

std::optional<int> FieldReader::Count(const YamlEntry& entry, int max) {
  const std::string_view text = entry.second.text();
  const std::string suggestion = fmt::format("write a whole number from 1 to {}", max);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (entry.second.kind() != YamlKind::kScalar || entry.second.style() != YamlStyle::kPlain || !digits) {
    ReportType(entry, "a whole number", suggestion);
    return std::nullopt;
  }
  int value = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc() && value >= 1 && value <= max && text[0] != '0') return value;
  Report(entry.second.place(), fmt::format("{} is out of range", entry.first.text()), suggestion);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> FieldReader::Duration(const YamlEntry& entry) {
  const YamlNode node = entry.second;
  if (node.kind() == YamlKind::kScalar && node.style() == YamlStyle::kPlain &&
      TypeOfPlainScalar(node.text()) == ScalarType::kNumber) {
    ReportType(entry, "a duration", fmt::format("name the unit: {}s", node.text()));
    return std::nullopt;
  }
  const std::optional<std::string_view> text = Text(entry);
  if (!text) return std::nullopt;
  const absl::StatusOr<std::chrono::milliseconds> duration = ParseDuration(*text);
  if (!duration.ok() || *duration < std::chrono::seconds(1)) {
    Report(node.place(),
           duration.ok() ? fmt::format("{} must be 1s or more", entry.first.text())
                         : MessageOf(duration.status()),
           "write a number and s, m, h or d, such as 24h");
    return std::nullopt;
  }
  return *duration;
}

std::optional<std::vector<YamlNode>> FieldReader::List(const YamlEntry& entry, std::string_view of,
                                                       std::size_t max) {
  if (entry.second.kind() != YamlKind::kList) {
    ReportType(entry, fmt::format("a list of {}", of), SuggestList(entry));
    return std::nullopt;
  }
  std::vector<YamlNode> elements = entry.second.Elements();
  if (elements.size() > max) {
    Report(
        elements[max].place(),
        fmt::format("{} has {} entries, more than the {} allowed", entry.first.text(), elements.size(), max),
        of == kChannels ? "a pattern may cover several of them" : "shorten the list");
    return std::nullopt;
  }
  return elements;
}

std::optional<std::string> FieldReader::Identity(const YamlEntry& entry) {
  const std::optional<std::string_view> id = Text(entry);
  if (!id) return std::nullopt;
  const absl::StatusOr<PublicNkey> key = PublicNkey::ParseAs(NkeyKind::kUser, *id);
  if (key.ok()) return key->text();
  Report(entry.second.place(),
         fmt::format("{} is no identity: {}", entry.first.text(), MessageOf(key.status())),
         "write the public user key: U and 55 more capital letters and digits");
  return std::nullopt;
}

std::optional<std::vector<NamedPlace>> FieldReader::Names(const YamlEntry& entry, std::size_t max) {
  return NamesThatPass(entry, max, ProblemOfName);
}

std::optional<std::vector<NamedPlace>> FieldReader::AgentNames(const YamlEntry& entry, std::size_t max) {
  return NamesThatPass(entry, max, ProblemOfAgentName);
}

std::optional<std::vector<NamedPlace>> FieldReader::AgentNamesOrAll(const YamlEntry& entry, std::size_t max) {
  const std::vector<YamlNode> elements = entry.second.Elements();
  if (entry.second.kind() == YamlKind::kList && elements.empty()) {
    Report(entry.second.place(), fmt::format("{} must not be empty", entry.first.text()),
           "name an agent, or write [\"*\"] for every agent");
  }
  const auto is_all = [](const YamlNode& element) {
    return element.kind() == YamlKind::kScalar && element.text() == kEveryAgent;
  };
  const auto all = std::find_if(elements.begin(), elements.end(), is_all);
  if (all != elements.end() && !std::all_of(elements.begin(), elements.end(), is_all)) {
    Report(all->place(), "\"*\" stands beside names: it is every agent already",
           "write [\"*\"] alone, or the names alone");
  }
  return NamesThatPass(entry, max, ProblemOfAgentNameOrAll);
}

std::optional<std::vector<NamedPlace>> FieldReader::NamesThatPass(const YamlEntry& entry, std::size_t max,
                                                                  Check check) {
  const auto elements = List(entry, "names", max);
  if (!elements) return std::nullopt;
  bool complete = true;
  std::vector<NamedPlace> names;
  std::set<std::string_view> seen;
  for (const YamlNode& element : *elements) {
    const auto name = Scalar(element, fmt::format("an entry of {}", entry.first.text()), check);
    complete = complete && name.has_value();
    if (name && seen.insert(*name).second) names.push_back({std::string(*name), element.place()});
  }
  if (!complete) return std::nullopt;
  return names;
}

std::optional<std::vector<ListedPattern>> FieldReader::Channels(const YamlEntry& entry, std::size_t max) {
  const auto elements = List(entry, kChannels, max);
  if (!elements) return std::nullopt;
  std::vector<ListedPattern> patterns;
  patterns.reserve(elements->size());
  for (const YamlNode& element : *elements) {
    const auto channel = Scalar(element, fmt::format("an entry of {}", entry.first.text()), ProblemOfChannel);
    if (!channel) continue;
    const Place place = element.place();
    patterns.push_back({patterns_.Share(*channel).value(), place.line, place.column});
  }
  if (patterns.size() < elements->size()) return std::nullopt;
  return patterns;
}

bool FieldReader::IsMapping(const YamlEntry& entry, std::string_view what) {
  if (entry.second.kind() == YamlKind::kMapping) return true;
  const bool missing = entry.second.kind() == YamlKind::kNull;
  ReportType(entry, fmt::format("a mapping of {}", what),
             missing ? fmt::format("write {}: {{}} for none", entry.first.text())
                     : "write KEY: VALUE, indented, on the lines below");
  return false;
}

bool FieldReader::HasValue(const YamlEntry& entry, std::string suggestion) {
  if (entry.second.kind() != YamlKind::kNull) return true;
  Report(entry.first.place(), fmt::format("{} has no value", entry.first.text()), std::move(suggestion));
  return false;
}

std::vector<YamlEntry> FieldReader::EntriesOf(YamlNode mapping) {
  std::vector<YamlEntry> entries = mapping.Entries();
  const auto unusable = [this](const YamlEntry& entry) {
    const YamlNode key = entry.first;
    if (key.kind() == YamlKind::kScalar && key.text() != "<<") return false;
    if (key.kind() == YamlKind::kScalar) {
      Report(key.place(), "merge keys (<<) are not allowed in a policy", "list what they would bring in");
    } else if (key.kind() != YamlKind::kRefused) {
      Report(key.place(), fmt::format("a key must be a string, not {}", Described(key)),
             key.text().empty() ? "write a name" : fmt::format("write {}", Quoted(key.text())));
    }
    return true;
  };
  entries.erase(std::remove_if(entries.begin(), entries.end(), unusable), entries.end());
  return entries;
}

bool FieldReader::CheckNameKey(YamlNode key) { return Scalar(key, "the name", ProblemOfName).has_value(); }

}  // namespace meshwarden
