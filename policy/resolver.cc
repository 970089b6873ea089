#include "policy/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text/printable.h"
#include "policy/birth_set.h"
#include "policy/limits.h"
#include "policy/name_register.h"
#include "policy/provision_rules.h"

namespace meshwarden {
namespace {

// What an agent gets that names nothing.
struct Defaults {
  std::vector<std::string> subscribe;
  std::shared_ptr<const GrantList> allow_subscribe;
  std::shared_ptr<const GrantList> allow_publish;  // may be null
  bool complete = true;
};

std::shared_ptr<const GrantList> BuiltInDefault() {
  GrantList list{std::make_shared<const GrantOrigin>(GrantOrigin{nullptr, "the built-in default"}), {}};
  auto general = std::make_shared<const ChannelPattern>(ChannelPattern::Parse("general").value());
  list.patterns.push_back({std::move(general), 0, 0});
  return std::make_shared<const GrantList>(std::move(list));
}

constexpr char kSplitSpaces[] = "divide them among several spaces";

const GrantList* ListOf(const std::optional<DeclaredChannels>& declared) {
  return declared ? declared->grants.get() : nullptr;
}

class Resolver {
 public:
  Resolver(std::span<Declarations> files, ProblemList& problems) : files_(files), problems_(problems) {}

  ResolvedPolicy Run() {
    CheckSpaces();
    for (const Declarations& file : files_) complete_ = complete_ && file.complete;
    ResolveDefaults();
    CollectGroups();
    CollectAgents();
    CheckProvisionRules(files_, problems_);
    return {files_[0].space ? files_[0].space->name : "", TakeAgents(), TakeLaunchers()};
  }

 private:
  std::vector<AgentPolicy> TakeAgents() {
    std::vector<AgentPolicy> agents;
    agents.reserve(agents_.size());
    agents_.clear();  // its names are about to be moved away
    for (Declarations& file : files_) {
      for (DeclaredAgent& declared : file.agents) {
        Resolve(file, declared);
        agents.push_back(std::move(declared.agent));
      }
    }
    return agents;
  }

  std::vector<LauncherPolicy> TakeLaunchers() {
    std::vector<LauncherPolicy> launchers;
    for (Declarations& file : files_) {
      for (DeclaredLauncher& declared : file.launchers) launchers.push_back(std::move(declared.launcher));
    }
    return launchers;
  }

  void Report(const Declarations& file, Place place, std::string message, std::string suggestion) {
    problems_.Add(*file.source, place, std::move(message), std::move(suggestion));
  }

  static std::string Located(const Declarations& file, Place place) {
    return file.source->Locate(place).Format();
  }

  void CheckSpaces() {
    const Declarations* first = nullptr;
    for (const Declarations& file : files_) {
      if (!file.space) continue;
      if (first == nullptr) first = &file;
      if (file.space->name == first->space->name) continue;
      Report(file, file.space->place,
             fmt::format("space {} differs from space {} of {}", Quoted(file.space->name),
                         Quoted(first->space->name), Located(*first, first->space->place)),
             "all files of a policy name one space");
    }
  }

  void ResolveDefaults() {
    const Declarations* source = nullptr;
    for (const Declarations& file : files_) {
      if (!file.defaults) continue;
      if (source != nullptr) {
        Report(file, file.defaults->place,
               fmt::format("defaults stand twice, first at {}", Located(*source, source->defaults->place)),
               "keep them in one file");
      } else {
        source = &file;
      }
    }
    const DeclaredDefaults none;
    ApplyDefaults(source == nullptr ? none : *source->defaults);
    if (source == nullptr || !defaults_.complete) return;
    const std::size_t before = problems_.count();
    CheckCovered(*source, source->defaults->rights, GrantsOf(defaults_.allow_subscribe));
    CheckBirthSet(*source, source->defaults->place, source->defaults->rights, defaults_.subscribe);
    defaults_.complete = problems_.count() == before;  // once is enough: not again for each agent
  }

  void ApplyDefaults(const DeclaredDefaults& declared) {
    const DeclaredRights& rights = declared.rights;
    defaults_.complete = declared.complete;
    const std::shared_ptr<const GrantList> named =
        rights.subscribe ? rights.subscribe->grants : BuiltInDefault();
    defaults_.allow_subscribe = rights.allow_subscribe ? rights.allow_subscribe->grants : named;
    if (rights.allow_publish) defaults_.allow_publish = rights.allow_publish->grants;
    defaults_.subscribe = TextsOf(named->patterns);
    if (!rights.subscribe) {
      defaults_.subscribe = ChooseBirthSet(defaults_.subscribe, GrantsOf(defaults_.allow_subscribe),
                                           defaults_.allow_subscribe->patterns);
    }
  }

  static Grants GrantsOf(std::shared_ptr<const GrantList> list) {
    Grants grants;
    grants.Add(std::move(list));
    return grants;
  }

  void CollectGroups() {
    for (const Declarations& file : files_) {
      for (const DeclaredGroup& group : file.groups) {
        NoteName("group", group.name, {&file, &group}, groups_, problems_);
      }
    }
    if (groups_.size() > kMaxPolicyGroups) {
      problems_.AddForFile(
          *files_[0].source->name(), 0,
          fmt::format("{} groups are more than the {} allowed", groups_.size(), kMaxPolicyGroups),
          "give groups that grant the same one name");
    }
  }

  void CollectAgents() {
    NameRegister<DeclaredAgent> ids;
    for (const Declarations& file : files_) {
      for (const DeclaredAgent& declared : file.agents) {
        NoteName("agent", declared.agent.name, {&file, &declared}, agents_, problems_);
        if (declared.agent.id) NoteId(file, declared, ids);
      }
    }
    if (agents_.size() > kMaxPolicyAgents) {
      problems_.AddForFile(
          *files_[0].source->name(), 0,
          fmt::format("{} agents are more than the {} allowed", agents_.size(), kMaxPolicyAgents),
          kSplitSpaces);
    }
  }

  void NoteId(const Declarations& file, const DeclaredAgent& declared, NameRegister<DeclaredAgent>& ids) {
    const auto [first, is_new] =
        ids.try_emplace(*declared.agent.id, Declared<DeclaredAgent>{&file, &declared});
    if (is_new) return;
    const Declared<DeclaredAgent>& other = first->second;
    Report(file, declared.id_place,
           fmt::format("this id is pinned twice, first to agent {} at {}", other.what->agent.name,
                       Located(*other.file, other.what->id_place)),
           "an identity is one agent: keep one of them");
  }

  // Adds what the agent's groups grant; false if some group is unknown or incomplete.
  bool AddGroups(const Declarations& file, DeclaredAgent& declared) {
    bool all_known = true;
    for (const NamedPlace& named : declared.groups) {
      const auto found = groups_.find(named.name);
      if (found == groups_.end()) {
        all_known = false;
        if (complete_ && !problems_.full()) ReportUnknownGroup(file, named);
        continue;
      }
      const DeclaredGroup& group = *found->second.what;
      all_known = all_known && group.complete;
      if (group.rights.allow_subscribe)
        declared.agent.allow_subscribe.Add(group.rights.allow_subscribe->grants);
      if (group.rights.allow_publish) declared.agent.allow_publish.Add(group.rights.allow_publish->grants);
    }
    return all_known;
  }

  void ReportUnknownGroup(const Declarations& file, const NamedPlace& named) {
    std::string suggestion = ClosestIn(named.name, groups_);
    if (suggestion.empty()) suggestion = "it must stand under groups";
    Report(file, named.place, fmt::format("unknown group {}", Quoted(named.name)), std::move(suggestion));
  }

  void Resolve(const Declarations& file, DeclaredAgent& declared) {
    AgentPolicy& agent = declared.agent;
    const DeclaredRights& rights = declared.rights;
    if (rights.allow_subscribe) {
      agent.allow_subscribe.Add(rights.allow_subscribe->grants);
    } else {
      agent.allow_subscribe.Add(rights.subscribe ? rights.subscribe->grants : defaults_.allow_subscribe);
    }
    const auto publish = rights.allow_publish ? rights.allow_publish->grants : defaults_.allow_publish;
    if (publish != nullptr) agent.allow_publish.Add(publish);
    const bool groups_known = AddGroups(file, declared);
    if (!declared.complete || !groups_known || !defaults_.complete) return;
    CheckSize(file, declared, "allowSubscribe", agent.allow_subscribe);
    CheckSize(file, declared, "allowPublish", agent.allow_publish);
    CheckCovered(file, rights, agent.allow_subscribe);
    agent.subscribe = BirthSetOf(rights, agent.allow_subscribe);
    CheckBirthSet(file, declared.place, rights, agent.subscribe);
  }

  void CheckSize(const Declarations& file, const DeclaredAgent& declared, std::string_view key,
                 const Grants& grants) {
    if (grants.size() <= kMaxGrantPatterns) return;
    Report(file, declared.place,
           fmt::format("{} of agent {} has {} patterns with its groups, more than the {} allowed", key,
                       declared.agent.name, grants.size(), kMaxGrantPatterns),
           "use wildcards: every pattern takes room in the agent's credential");
  }

  void CheckCovered(const Declarations& file, const DeclaredRights& rights, const Grants& allowed) {
    // What is the list itself covers itself.
    if (!rights.subscribe || !rights.allow_subscribe) return;
    for (const ListedPattern& listed : rights.subscribe->grants->patterns) {
      if (problems_.full()) return;
      if (allowed.FirstCovering(*listed.pattern)) continue;
      Report(file, {listed.line, listed.column},
             fmt::format("subscribe \"{}\" is not within allowSubscribe [{}]", listed.pattern->text(),
                         Shortened(allowed.Patterns())),
             fmt::format("add {} to allowSubscribe, or take it out of subscribe", listed.pattern->text()));
    }
  }

  static std::string Shortened(std::vector<std::string> patterns) {
    constexpr std::size_t kMaxListed = 8;
    if (patterns.size() > kMaxListed) {
      const std::size_t more = patterns.size() - kMaxListed;
      patterns.resize(kMaxListed);
      patterns.push_back(fmt::format("{} more", more));
    }
    return fmt::format("{}", fmt::join(patterns, ", "));
  }

  std::vector<std::string> BirthSetOf(const DeclaredRights& rights, const Grants& allowed) const {
    if (const GrantList* named = ListOf(rights.subscribe)) return TextsOf(named->patterns);
    if (!rights.allow_subscribe) return defaults_.subscribe;
    return ChooseBirthSet(defaults_.subscribe, allowed, rights.allow_subscribe->grants->patterns);
  }

  // A filter has to be made of it: not empty, not too long, nothing that only half overlaps.
  void CheckBirthSet(const Declarations& file, Place place, const DeclaredRights& rights,
                     std::span<const std::string> channels) {
    if (rights.subscribe) place = rights.subscribe->place;
    const std::string suggestion = rights.subscribe ? "" : "name its subscribe, within what it may read";
    if (channels.empty()) {
      Report(file, place, "nothing to subscribe to: no default channel is within allowSubscribe", suggestion);
    } else if (channels.size() > kMaxSubscribeChannels) {
      Report(file, place,
             fmt::format("{} channels to subscribe to are more than the {} allowed", channels.size(),
                         kMaxSubscribeChannels),
             suggestion);
    } else if (const auto overlap = FindUnresolvedOverlap(channels)) {
      Report(file, place,
             fmt::format("{} \"{}\" and \"{}\" overlap without one covering the other",
                         rights.subscribe ? "subscribe" : "what it would subscribe to,", overlap->first,
                         overlap->second),
             rights.subscribe ? "keep one of them, or a pattern that covers both" : suggestion);
    }
  }

  std::span<Declarations> files_;
  ProblemList& problems_;
  bool complete_ = true;  // every name that was declared is known
  Defaults defaults_;
  NameRegister<DeclaredGroup> groups_;
  NameRegister<DeclaredAgent> agents_;
};

}  // namespace

ResolvedPolicy ResolveDeclarations(std::span<Declarations> files, ProblemList& problems) {
  if (files.empty()) return {};
  return Resolver(files, problems).Run();
}

}  // namespace meshwarden
