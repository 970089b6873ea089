// Reading single values of a policy: each is what its key asks for, or a problem with a suggestion.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/yaml/problem.h"
#include "base/yaml/yaml_document.h"
#include "policy/declarations.h"
#include "policy/grants.h"
#include "policy/pattern_table.h"

namespace meshwarden {

// A key and its value; the key is a scalar.
using YamlEntry = std::pair<YamlNode, YamlNode>;

// What is wrong with `name` as the name of a space, agent, group or role; empty if nothing is. A name has 1
// to kMaxNameBytes letters, digits, '_', '-' and '.', and begins with a letter, a digit or '_'.
std::string ProblemOfName(std::string_view name);
// The same for a token: a name without dots.
std::string ProblemOfToken(std::string_view token);

// What it is made of must outlive it.
class FieldReader {
 public:
  FieldReader(const SourceText& source, PatternTable& patterns, ProblemList& problems)
      : source_(source), patterns_(patterns), problems_(problems) {}

  void Report(Place place, std::string message, std::string suggestion = "") {
    problems_.Add(source_, place, std::move(message), std::move(suggestion));
  }

  // Each returns nothing after reporting what is wrong.
  std::optional<std::string_view> Name(const YamlEntry& entry);
  std::optional<std::string_view> Token(const YamlEntry& entry);
  // Any string, without rules.
  std::optional<std::string_view> Text(const YamlEntry& entry);
  std::optional<int> Count(const YamlEntry& entry, int max);
  std::optional<std::chrono::milliseconds> Duration(const YamlEntry& entry);
  // The public key of a user.
  std::optional<std::string> Identity(const YamlEntry& entry);
  // Names of at most `max` things; a repeated one counts once.
  std::optional<std::vector<NamedPlace>> Names(const YamlEntry& entry, std::size_t max);
  // The same of agents that an agent may provision: "*" is refused as what launchers only may write.
  std::optional<std::vector<NamedPlace>> AgentNames(const YamlEntry& entry, std::size_t max);
  // The same of agents that a launcher may provision: one or more, or "*" alone.
  std::optional<std::vector<NamedPlace>> AgentNamesOrAll(const YamlEntry& entry, std::size_t max);
  std::optional<std::vector<ListedPattern>> Channels(const YamlEntry& entry, std::size_t max);
  // True if the value is a mapping; `what` names its contents.
  bool IsMapping(const YamlEntry& entry, std::string_view what);
  // True if there is a value; for keys that cannot be left out.
  bool HasValue(const YamlEntry& entry, std::string suggestion);
  // Its entries; those without a usable key are reported and left out.
  std::vector<YamlEntry> EntriesOf(YamlNode mapping);
  // True if `key`, the name of an agent, group or launcher, is fit for one.
  bool CheckNameKey(YamlNode key);

 private:
  using Check = std::string (*)(std::string_view);

  std::optional<std::string_view> Scalar(YamlNode node, const std::string& what, Check check);
  std::optional<std::vector<NamedPlace>> NamesThatPass(const YamlEntry& entry, std::size_t max, Check check);
  std::optional<std::vector<YamlNode>> List(const YamlEntry& entry, std::string_view of, std::size_t max);
  void ReportType(const YamlEntry& entry, std::string_view wanted, std::string suggestion);

  const SourceText& source_;
  PatternTable& patterns_;
  ProblemList& problems_;
};

}  // namespace meshwarden
