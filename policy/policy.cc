#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

// How many patterns a reason lists.
constexpr std::size_t kMaxListed = 8;

std::string Listed(std::vector<std::string> entries) {
  const std::size_t count = entries.size();
  if (count > kMaxListed) {
    entries.resize(kMaxListed);
    entries.push_back(fmt::format("{} more", count - kMaxListed));
  }
  return fmt::format("[{}]", fmt::join(entries, ", "));
}

// "agent worker (FILE:LINE:COLUMN)".
std::string Placed(const std::string& who, const SourceLocation& location) {
  const std::string place = location.Format();
  return place.empty() ? who : fmt::format("{} ({})", who, place);
}

std::string Named(const AgentPolicy& agent) { return Placed("agent " + agent.name, agent.location); }

struct Right {
  const Grants& grants;
  std::string_view doing;  // "reading", "posting to"
  std::string_view key;    // where a grant would have to be
};

std::string ReasonAgainst(const Right& right, const AgentPolicy& agent, const ChannelPattern& channel) {
  if (right.grants.empty()) {
    return fmt::format("nothing allows {} \"{}\": {} has no {}", right.doing, channel.text(), Named(agent),
                       right.key);
  }
  return fmt::format("nothing allows {} \"{}\": no pattern in the {} {} of {} covers {}", right.doing,
                     channel.text(), right.key, Listed(right.grants.Patterns()), Named(agent),
                     right.grants.Overlap(channel) ? "all of it" : "it");
}

Verdict Decide(const Right& right, const AgentPolicy& agent, const ChannelPattern& channel) {
  std::optional<Grant> grant = right.grants.FirstCovering(channel);
  if (!grant) return Verdict::Refused(ReasonAgainst(right, agent, channel));
  // Lists of an agent's own and the built-in default name no place of their own.
  if (grant->via.empty()) grant->via = "agent " + agent.name;
  if (grant->location.file == nullptr) grant->location = agent.location;
  return Verdict::AllowedBy({grant->pattern.text(), grant->location, grant->via});
}

// Whoever may provision, and the names that it lists.
struct Starter {
  std::string who;  // "launcher ci"
  const SourceLocation& location;
  const std::vector<NamedPlace>& may_provision;
};

Rule RuleAt(const Starter& starter, std::string text, Place place) {
  return {std::move(text), {starter.location.file, place.line, place.column}, starter.who};
}

Verdict DecideByName(const Starter& starter, const AgentPolicy& agent) {
  std::vector<std::string> names;
  for (const NamedPlace& named : starter.may_provision) {
    if (named.name == agent.name) return Verdict::AllowedBy(RuleAt(starter, named.name, named.place));
    names.push_back(named.name);
  }
  const std::string who = Placed(starter.who, starter.location);
  if (names.empty()) {
    return Verdict::Refused(
        fmt::format("nothing allows provisioning \"{}\": {} has no mayProvision", agent.name, who));
  }
  return Verdict::Refused(
      fmt::format("nothing allows provisioning \"{}\": it is not in the mayProvision {} of {}", agent.name,
                  Listed(std::move(names)), who));
}

// Orders those of `all` that have a `key` by it; names the first key that two of them share.
template <typename T>
std::optional<std::string> OrderBy(const std::vector<T>& all, const std::string* (*key)(const T&),
                                   std::vector<std::uint32_t>& order) {
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (key(all[i]) != nullptr) order.push_back(i);
  }
  order.shrink_to_fit();
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return *key(all[a]) < *key(all[b]); });
  const auto repeated = std::adjacent_find(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return *key(all[a]) == *key(all[b]);
  });
  if (repeated == order.end()) return std::nullopt;
  return *key(all[*repeated]);
}

template <typename T>
const T* FindIn(const std::vector<T>& all, const std::vector<std::uint32_t>& order,
                const std::string* (*key)(const T&), std::string_view wanted) {
  const auto found =
      std::lower_bound(order.begin(), order.end(), wanted,
                       [&](std::uint32_t index, std::string_view text) { return *key(all[index]) < text; });
  if (found == order.end() || *key(all[*found]) != wanted) return nullptr;
  return &all[*found];
}

const std::string* NameOf(const AgentPolicy& agent) { return &agent.name; }
const std::string* IdOf(const AgentPolicy& agent) { return agent.id ? &*agent.id : nullptr; }
const std::string* LauncherName(const LauncherPolicy& launcher) { return &launcher.name; }
const std::string* LauncherId(const LauncherPolicy& launcher) {
  return launcher.id.empty() ? nullptr : &launcher.id;
}

}  // namespace

bool AgentPolicy::HasCapability(std::string_view capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

Verdict Verdict::AllowedBy(Rule rule) {
  Verdict verdict;
  verdict.rule_ = std::move(rule);
  return verdict;
}

Verdict Verdict::Refused(std::string reason) {
  Verdict verdict;
  verdict.reason_ = std::move(reason);
  return verdict;
}

std::string Verdict::Explain() const {
  if (!rule_) return reason_;
  return fmt::format("allowed as \"{}\" by {}", rule_->text, Placed(rule_->via, rule_->location));
}

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Create(std::string space, std::string revision,
                                                             std::vector<AgentPolicy> agents,
                                                             std::vector<LauncherPolicy> launchers) {
  std::shared_ptr<Policy> policy(new Policy());
  policy->space_ = std::move(space);
  policy->revision_ = std::move(revision);
  policy->agents_ = std::move(agents);
  policy->launchers_ = std::move(launchers);
  if (const absl::Status status = policy->IndexAgents(); !status.ok()) return status;
  if (const absl::Status status = policy->IndexLaunchers(); !status.ok()) return status;
  return std::shared_ptr<const Policy>(std::move(policy));
}

absl::Status Policy::IndexAgents() {
  if (const auto name = OrderBy(agents_, NameOf, by_name_)) {
    return absl::InvalidArgumentError(fmt::format("two agents have the name \"{}\"", *name));
  }
  if (const auto id = OrderBy(agents_, IdOf, by_id_)) {
    return absl::InvalidArgumentError(fmt::format("two agents are pinned to the id {}", *id));
  }
  return absl::OkStatus();
}

absl::Status Policy::IndexLaunchers() {
  if (const auto name = OrderBy(launchers_, LauncherName, launchers_by_name_)) {
    return absl::InvalidArgumentError(fmt::format("two launchers have the name \"{}\"", *name));
  }
  if (const auto id = OrderBy(launchers_, LauncherId, launchers_by_id_)) {
    return absl::InvalidArgumentError(fmt::format("two launchers have the id {}", *id));
  }
  for (const LauncherPolicy& launcher : launchers_) {
    if (const AgentPolicy* agent = FindByPinnedId(launcher.id)) {
      return absl::InvalidArgumentError(
          fmt::format("launcher {} has the id that agent {} is pinned to", launcher.name, agent->name));
    }
  }
  return absl::OkStatus();
}

const AgentPolicy* Policy::FindByName(std::string_view name) const {
  return FindIn(agents_, by_name_, NameOf, name);
}

const AgentPolicy* Policy::FindByPinnedId(std::string_view id) const {
  return FindIn(agents_, by_id_, IdOf, id);
}

const LauncherPolicy* Policy::FindLauncherByName(std::string_view name) const {
  return FindIn(launchers_, launchers_by_name_, LauncherName, name);
}

const LauncherPolicy* Policy::FindLauncherById(std::string_view id) const {
  return FindIn(launchers_, launchers_by_id_, LauncherId, id);
}

Verdict MaySubscribe(const AgentPolicy& agent, const ChannelPattern& channel) {
  return Decide({agent.allow_subscribe, "reading", "allowSubscribe"}, agent, channel);
}

Verdict MayPublish(const AgentPolicy& agent, const ChannelPattern& channel) {
  return Decide({agent.allow_publish, "posting to", "allowPublish"}, agent, channel);
}

Verdict MayProvision(const LauncherPolicy& launcher, const AgentPolicy& agent) {
  const Starter starter{"launcher " + launcher.name, launcher.location, launcher.may_provision};
  if (launcher.every_agent)
    return Verdict::AllowedBy(RuleAt(starter, std::string(kEveryAgent), *launcher.every_agent));
  return DecideByName(starter, agent);
}

Verdict MayProvision(const AgentPolicy& starter, const AgentPolicy& agent) {
  if (!starter.HasCapability(kSpawnCapability)) {
    return Verdict::Refused(fmt::format("nothing allows provisioning \"{}\": {} has not the capability {}",
                                        agent.name, Named(starter), kSpawnCapability));
  }
  return DecideByName({"agent " + starter.name, starter.location, starter.may_provision}, agent);
}

}  // namespace meshwarden
