#include "policy/file_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "base/text/closest_name.h"
#include "base/text/printable.h"
#include "base/yaml/text_check.h"
#include "base/yaml/yaml_document.h"
#include "base/yaml/yaml_words.h"
#include "policy/field_reader.h"
#include "policy/limits.h"

namespace meshwarden {
namespace {

constexpr YamlWords kPolicyWords = {
    .file = "policy",
    .when_empty = "it needs at least version: 1 and space: NAME",
    .when_too_big = "split the policy into several files of one folder",
    .when_deep = "a policy needs four: agents, the agent, its list, the channel",
};

constexpr std::array<std::string_view, 1> kCapabilities = {kSpawnCapability};

// What a launcher must have.
constexpr char kLauncherId[] =
    "write id: U…, the identity that meshwarden creds show tells of its credential";
constexpr char kLauncherAgents[] = "write mayProvision: [AGENT], or mayProvision: [\"*\"] for every agent";

class FileReader {
 public:
  FileReader(const SourceText& source, PatternTable& patterns, ProblemList& problems)
      : source_(source), problems_(problems), fields_(source, patterns, problems) {
    SetOrigin("");
    own_origin_ = origin_;
  }

  Declarations Read(YamlNode root) {
    Declarations file;
    file.source = &source_;
    if (root.kind() != YamlKind::kMapping) {
      fields_.Report(root.place(), "a policy is a mapping of keys", "begin with version: 1");
      file.complete = false;
      return file;
    }
    ReadFields<Declarations>(root, "a policy", kFileFields, file);
    RequireKey(root, root.place(), "version", "write version: 1");
    RequireKey(root, root.place(), "space", "name the space that the policy is for: space: main");
    return file;
  }

 private:
  template <typename Target>
  struct Field {
    std::string_view key;
    void (FileReader::*read)(const YamlEntry&, Target&);
  };

  // Hands each entry of `mapping` to the reader of its key, and reports keys that have none.
  template <typename Target>
  void ReadFields(YamlNode mapping, std::string_view what, std::span<const Field<Target>> known,
                  Target& target) {
    for (const YamlEntry& entry : fields_.EntriesOf(mapping)) {
      if (problems_.full()) return;
      const std::string_view key = entry.first.text();
      const Field<Target>* field = nullptr;
      for (const Field<Target>& candidate : known) {
        if (candidate.key == key) field = &candidate;
      }
      if (field != nullptr) {
        (this->*field->read)(entry, target);
      } else {
        std::vector<std::string_view> keys;
        for (const Field<Target>& candidate : known) keys.push_back(candidate.key);
        ReportUnknownKey(entry.first, what, keys);
      }
    }
  }

  void ReportUnknownKey(YamlNode key, std::string_view what, std::span<const std::string_view> known) {
    std::string suggestion = DidYouMean(key.text(), known);
    if (suggestion.empty()) suggestion = fmt::format("{} has {}", what, fmt::join(known, ", "));
    fields_.Report(key.place(), fmt::format("unknown key {}", Quoted(key.text())), std::move(suggestion));
  }

  // Reports at `place` if `mapping` has no key `wanted`.
  void RequireKey(YamlNode mapping, Place place, std::string_view wanted, std::string suggestion) {
    for (const auto& [key, value] : mapping.Entries()) {
      if (key.text() == wanted) return;
    }
    fields_.Report(place, fmt::format("{} is missing", wanted), std::move(suggestion));
  }

  void ReadVersion(const YamlEntry& entry, Declarations&) {
    const YamlNode node = entry.second;
    const bool plain = node.kind() == YamlKind::kScalar && node.style() == YamlStyle::kPlain;
    if (node.kind() == YamlKind::kRefused || (plain && node.text() == "1")) return;
    fields_.Report(node.place(),
                   plain ? fmt::format("version {} is not known", Printable(node.text(), kMaxQuotedBytes))
                         : "version must be the number 1",
                   "write version: 1");
  }

  void ReadSpace(const YamlEntry& entry, Declarations& file) {
    if (const auto space = fields_.Token(entry)) {
      file.space = NamedPlace{std::string(*space), entry.second.place()};
    }
  }

  void ReadDefaults(const YamlEntry& entry, Declarations& file) {
    DeclaredDefaults defaults;
    defaults.place = entry.first.place();
    const std::size_t before = problems_.count();
    SetOrigin("defaults");
    if (fields_.IsMapping(entry, "what agents get that name nothing")) {
      ReadFields<DeclaredRights>(entry.second, "defaults", kDefaultsFields, defaults.rights);
    }
    defaults.complete = problems_.count() == before;
    file.defaults = std::move(defaults);
  }

  void ReadGroups(const YamlEntry& entry, Declarations& file) {
    if (!fields_.IsMapping(entry, "group names to rights")) file.complete = false;
    for (const YamlEntry& group : fields_.EntriesOf(entry.second)) ReadGroup(group, file);
  }

  void ReadGroup(const YamlEntry& entry, Declarations& file) {
    DeclaredGroup group;
    group.name = entry.first.text();
    group.place = entry.first.place();
    const std::size_t before = problems_.count();
    SetOrigin("group " + group.name);
    fields_.CheckNameKey(entry.first);
    if (fields_.IsMapping(entry, "rights")) {
      ReadFields<DeclaredRights>(entry.second, "a group", kGroupFields, group.rights);
    }
    group.complete = problems_.count() == before;
    file.groups.push_back(std::move(group));
  }

  void ReadAgents(const YamlEntry& entry, Declarations& file) {
    if (!fields_.IsMapping(entry, "agent names to what each may do")) file.complete = false;
    const std::vector<YamlEntry> entries = fields_.EntriesOf(entry.second);
    file.agents.reserve(file.agents.size() + std::min(entries.size(), kMaxPolicyAgents));
    for (const YamlEntry& agent : entries) {
      if (file.agents.size() == kMaxPolicyAgents) {
        fields_.Report(agent.first.place(), fmt::format("more than {} agents", kMaxPolicyAgents),
                       "divide them among several spaces");
        file.complete = false;
        return;
      }
      ReadAgent(agent, file);
    }
  }

  void ReadAgent(const YamlEntry& entry, Declarations& file) {
    DeclaredAgent& declared = file.agents.emplace_back();
    declared.place = entry.first.place();
    declared.agent.name = entry.first.text();
    declared.agent.location = source_.Locate(declared.place);
    const std::size_t before = problems_.count();
    origin_ = own_origin_;
    fields_.CheckNameKey(entry.first);
    if (fields_.IsMapping(entry, "rights")) {
      ReadFields<DeclaredAgent>(entry.second, "an agent", kAgentFields, declared);
    }
    CheckSpawn(declared);
    declared.complete = problems_.count() == before;
  }

  // mayProvision of an agent that may not ask would look like a right and be none.
  void CheckSpawn(const DeclaredAgent& declared) {
    if (!declared.may_provision_place || !declared.capabilities_read) return;
    if (declared.agent.HasCapability(kSpawnCapability)) return;
    fields_.Report(*declared.may_provision_place, "mayProvision needs the capability spawn",
                   "add capabilities: [spawn], or take mayProvision out");
  }

  void ReadLaunchers(const YamlEntry& entry, Declarations& file) {
    fields_.IsMapping(entry, "launcher names to what each may start");
    for (const YamlEntry& launcher : fields_.EntriesOf(entry.second)) ReadLauncher(launcher, file);
  }

  void ReadLauncher(const YamlEntry& entry, Declarations& file) {
    DeclaredLauncher declared;
    declared.place = entry.first.place();
    declared.launcher.name = entry.first.text();
    declared.launcher.location = source_.Locate(declared.place);
    fields_.CheckNameKey(entry.first);
    if (fields_.HasValue(entry, "a launcher needs id: U… and mayProvision: [AGENT]") &&
        fields_.IsMapping(entry, "its id and what it may start")) {
      ReadFields<DeclaredLauncher>(entry.second, "a launcher", kLauncherFields, declared);
      RequireKey(entry.second, declared.place, "id", kLauncherId);
      RequireKey(entry.second, declared.place, "mayProvision", kLauncherAgents);
    }
    file.launchers.push_back(std::move(declared));
  }

  void SetOrigin(std::string via) {
    origin_ = std::make_shared<const GrantOrigin>(GrantOrigin{source_.name(), std::move(via)});
  }

  std::optional<DeclaredChannels> Channels(const YamlEntry& entry, std::size_t max) {
    std::optional<std::vector<ListedPattern>> patterns = fields_.Channels(entry, max);
    if (!patterns) return std::nullopt;
    GrantList list{origin_, *std::move(patterns)};
    return DeclaredChannels{std::make_shared<const GrantList>(std::move(list)), entry.first.place()};
  }

  void ReadSubscribe(const YamlEntry& entry, DeclaredRights& rights) {
    rights.subscribe = Channels(entry, kMaxSubscribeChannels);
    if (!rights.subscribe || !rights.subscribe->grants->patterns.empty()) return;
    // To a broker an empty filter means every message.
    fields_.Report(entry.second.place(), "subscribe must not be empty",
                   "name a channel, or leave subscribe out");
  }
  void ReadAllowSubscribe(const YamlEntry& entry, DeclaredRights& rights) {
    rights.allow_subscribe = Channels(entry, kMaxGrantPatterns);
  }
  void ReadAllowPublish(const YamlEntry& entry, DeclaredRights& rights) {
    rights.allow_publish = Channels(entry, kMaxGrantPatterns);
  }

  template <void (FileReader::*read)(const YamlEntry&, DeclaredRights&)>
  void ReadRight(const YamlEntry& entry, DeclaredAgent& declared) {
    (this->*read)(entry, declared.rights);
  }

  void ReadId(const YamlEntry& entry, DeclaredAgent& declared) {
    declared.id_place = entry.second.place();
    declared.agent.id = fields_.Identity(entry);
  }

  void ReadRole(const YamlEntry& entry, DeclaredAgent& declared) {
    if (const auto role = fields_.Token(entry)) declared.agent.role = std::string(*role);
  }

  void ReadGroupsOfAgent(const YamlEntry& entry, DeclaredAgent& declared) {
    if (auto groups = fields_.Names(entry, kMaxGroupsOfAgent)) declared.groups = *std::move(groups);
  }

  void ReadCapabilities(const YamlEntry& entry, DeclaredAgent& declared) {
    const auto names = fields_.Names(entry, kMaxCapabilities);
    declared.capabilities_read = names.has_value();
    for (const NamedPlace& named : names.value_or(std::vector<NamedPlace>())) {
      if (named.name == kCapabilities[0]) {
        declared.agent.capabilities.push_back(named.name);
        continue;
      }
      declared.capabilities_read = false;
      std::string suggestion = DidYouMean(named.name, kCapabilities);
      if (suggestion.empty()) suggestion = fmt::format("known: {}", fmt::join(kCapabilities, ", "));
      fields_.Report(named.place, fmt::format("unknown capability {}", Quoted(named.name)),
                     std::move(suggestion));
    }
  }

  void ReadMayProvision(const YamlEntry& entry, DeclaredAgent& declared) {
    declared.may_provision_place = entry.first.place();
    if (auto names = fields_.AgentNames(entry, kMaxMayProvision))
      declared.agent.may_provision = *std::move(names);
  }

  void ReadMaxInstances(const YamlEntry& entry, DeclaredAgent& declared) {
    declared.agent.max_instances = fields_.Count(entry, kMaxInstances);
  }
  void ReadCredentialTtl(const YamlEntry& entry, DeclaredAgent& declared) {
    declared.agent.credential_ttl = fields_.Duration(entry);
  }

  void ReadLauncherId(const YamlEntry& entry, DeclaredLauncher& declared) {
    if (!fields_.HasValue(entry, kLauncherId)) return;
    declared.id_place = entry.second.place();
    declared.launcher.id = fields_.Identity(entry).value_or("");
  }
  void ReadLauncherAgents(const YamlEntry& entry, DeclaredLauncher& declared) {
    if (!fields_.HasValue(entry, kLauncherAgents)) return;
    auto names = fields_.AgentNamesOrAll(entry, kMaxMayProvision);
    if (!names) return;
    const auto all = std::find_if(names->begin(), names->end(),
                                  [](const NamedPlace& named) { return named.name == kEveryAgent; });
    if (all == names->end()) {
      declared.launcher.may_provision = *std::move(names);
    } else {
      declared.launcher.every_agent = all->place;
    }
  }
  void ReadLauncherInstances(const YamlEntry& entry, DeclaredLauncher& declared) {
    declared.launcher.max_instances = fields_.Count(entry, kMaxInstances);
  }

  static constexpr Field<Declarations> kFileFields[] = {
      {"version", &FileReader::ReadVersion},     {"space", &FileReader::ReadSpace},
      {"defaults", &FileReader::ReadDefaults},   {"groups", &FileReader::ReadGroups},
      {"launchers", &FileReader::ReadLaunchers}, {"agents", &FileReader::ReadAgents}};
  static constexpr Field<DeclaredRights> kDefaultsFields[] = {
      {"subscribe", &FileReader::ReadSubscribe},
      {"allowSubscribe", &FileReader::ReadAllowSubscribe},
      {"allowPublish", &FileReader::ReadAllowPublish}};
  static constexpr Field<DeclaredRights> kGroupFields[] = {
      {"allowSubscribe", &FileReader::ReadAllowSubscribe}, {"allowPublish", &FileReader::ReadAllowPublish}};
  static constexpr Field<DeclaredAgent> kAgentFields[] = {
      {"id", &FileReader::ReadId},
      {"role", &FileReader::ReadRole},
      {"groups", &FileReader::ReadGroupsOfAgent},
      {"subscribe", &FileReader::ReadRight<&FileReader::ReadSubscribe>},
      {"allowSubscribe", &FileReader::ReadRight<&FileReader::ReadAllowSubscribe>},
      {"allowPublish", &FileReader::ReadRight<&FileReader::ReadAllowPublish>},
      {"capabilities", &FileReader::ReadCapabilities},
      {"mayProvision", &FileReader::ReadMayProvision},
      {"maxInstances", &FileReader::ReadMaxInstances},
      {"credentialTtl", &FileReader::ReadCredentialTtl}};
  static constexpr Field<DeclaredLauncher> kLauncherFields[] = {
      {"id", &FileReader::ReadLauncherId},
      {"mayProvision", &FileReader::ReadLauncherAgents},
      {"maxInstances", &FileReader::ReadLauncherInstances}};

  const SourceText& source_;
  ProblemList& problems_;
  FieldReader fields_;
  std::shared_ptr<const GrantOrigin> origin_;      // of the lists being read
  std::shared_ptr<const GrantOrigin> own_origin_;  // of agents' own lists
};

}  // namespace

Declarations ReadDeclarations(const SourceText& source, PatternTable& patterns, ProblemList& problems) {
  std::optional<YamlDocument> document;
  if (CheckText(source, kPolicyWords, problems))
    document = YamlDocument::Parse(source, kPolicyWords, problems);
  if (document) return FileReader(source, patterns, problems).Read(document->root());
  Declarations nothing;
  nothing.source = &source;
  nothing.complete = false;
  return nothing;
}

}  // namespace meshwarden
