// The policy: which agents exist and what each may read, post and start, and which launchers may start them.
//
// A Policy is an immutable value that knows nothing of YAML or NATS. It answers questions with verdicts: the
// answer together with the rule that gave it, so that a reply, a log line and `meshwarden policy explain` all
// say the same. Thread-safe (const only); share it as std::shared_ptr<const Policy>.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml/source_location.h"
#include "policy/grants.h"
#include "proto/channel_pattern.h"

namespace meshwarden {

// The capability without which an agent may start nothing.
inline constexpr std::string_view kSpawnCapability = "spawn";
// What a launcher lists, alone, that may start every agent. No agent has this name.
inline constexpr std::string_view kEveryAgent = "*";

// A name in a list of the policy. The place is in the file of whoever's list it is.
struct NamedPlace {
  std::string name;
  Place place;
};

// What the policy says of one agent, groups and defaults worked in.
struct AgentPolicy {
  std::string name;
  SourceLocation location;
  std::optional<std::string> id;  // pinned identity (public user nkey)
  std::optional<std::string> role;
  std::vector<std::string>
      subscribe;  // channels at birth; covered by allow_subscribe; never empty once loaded
  Grants allow_subscribe;
  Grants allow_publish;
  std::vector<std::string> capabilities;
  std::vector<NamedPlace> may_provision;  // agents
  std::optional<int> max_instances;       // of it alive at a time, whoever started them
  std::optional<std::chrono::milliseconds> credential_ttl;

  bool HasCapability(std::string_view capability) const;
  // The patterns alone, in the order of the grants and without duplicates.
  std::vector<std::string> AllowSubscribePatterns() const { return allow_subscribe.Patterns(); }
  std::vector<std::string> AllowPublishPatterns() const { return allow_publish.Patterns(); }
};

// What the policy says of one launcher: a program that starts agents and is none itself.
struct LauncherPolicy {
  std::string name;
  SourceLocation location;
  std::string id;                         // public user nkey; of no agent and of no other launcher
  std::optional<Place> every_agent;       // where its "*" stands; it lists no names then
  std::vector<NamedPlace> may_provision;  // agents
  std::optional<int> max_instances;       // of all agents that it, or what it started, has started
};

// A line of the policy that allows something.
struct Rule {
  std::string text;  // as it is written: a channel pattern, an agent's name, "*"
  SourceLocation location;
  std::string via;  // as in Grant, or "launcher ci"
};

// An answer and its reason. Made by the named factories only.
class Verdict {
 public:
  static Verdict AllowedBy(Rule rule);
  // `reason` says what would have to be there.
  static Verdict Refused(std::string reason);

  bool allowed() const { return rule_.has_value(); }
  // Only if allowed().
  const Rule& rule() const { return *rule_; }
  // One sentence: the rule with its place, or why nothing allows it.
  std::string Explain() const;

 private:
  std::optional<Rule> rule_;
  std::string reason_;
};

class Policy {
 public:
  // Checks what spans agents and launchers (unique names and ids; an agent and a launcher may share a name,
  // but no id); single ones are the loader's affair. InvalidArgument names what is there twice.
  static absl::StatusOr<std::shared_ptr<const Policy>> Create(std::string space, std::string revision,
                                                              std::vector<AgentPolicy> agents,
                                                              std::vector<LauncherPolicy> launchers = {});

  const std::string& space() const { return space_; }
  // Changes whenever the policy's text does: a hash of what was loaded.
  const std::string& revision() const { return revision_; }
  // How many agents.
  std::size_t size() const { return agents_.size(); }

  // The agent of that name, or null. The pointer lives as long as the policy.
  const AgentPolicy* FindByName(std::string_view name) const;
  // The agent that is pinned to the identity `id`, or null.
  const AgentPolicy* FindByPinnedId(std::string_view id) const;
  // The launcher of that name, or with that id, or null. The pointer lives as long as the policy.
  const LauncherPolicy* FindLauncherByName(std::string_view name) const;
  const LauncherPolicy* FindLauncherById(std::string_view id) const;
  // In the order of the files.
  const std::vector<AgentPolicy>& agents() const { return agents_; }
  const std::vector<LauncherPolicy>& launchers() const { return launchers_; }

 private:
  Policy() = default;
  absl::Status IndexAgents();
  absl::Status IndexLaunchers();

  std::string space_;
  std::string revision_;
  std::vector<AgentPolicy> agents_;
  std::vector<LauncherPolicy> launchers_;
  // Indices into agents_ and launchers_, ordered by name and by id.
  std::vector<std::uint32_t> by_name_;
  std::vector<std::uint32_t> by_id_;
  std::vector<std::uint32_t> launchers_by_name_;
  std::vector<std::uint32_t> launchers_by_id_;
};

// May `agent` subscribe to `channel` (a concrete channel or a pattern)? One single grant must cover it whole.
Verdict MaySubscribe(const AgentPolicy& agent, const ChannelPattern& channel);
// May `agent` post to `channel`?
Verdict MayPublish(const AgentPolicy& agent, const ChannelPattern& channel);

// May a launcher, or the agent `starter`, provision the policy's agent `agent`? An agent needs the capability
// spawn for it beside its mayProvision.
Verdict MayProvision(const LauncherPolicy& launcher, const AgentPolicy& agent);
Verdict MayProvision(const AgentPolicy& starter, const AgentPolicy& agent);

}  // namespace meshwarden
