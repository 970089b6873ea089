#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

// How many patterns a reason lists.
constexpr std::size_t kMaxListed = 8;

std::string Listed(const Grants& grants) {
  std::vector<std::string> patterns = grants.Patterns();
  const std::size_t count = patterns.size();
  if (count > kMaxListed) {
    patterns.resize(kMaxListed);
    patterns.push_back(fmt::format("{} more", count - kMaxListed));
  }
  return fmt::format("[{}]", fmt::join(patterns, ", "));
}

// "agent worker (FILE:LINE:COLUMN)".
std::string Named(const AgentPolicy& agent) {
  const std::string place = agent.location.Format();
  return place.empty() ? "agent " + agent.name : fmt::format("agent {} ({})", agent.name, place);
}

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
                     channel.text(), right.key, Listed(right.grants), Named(agent),
                     right.grants.Overlap(channel) ? "all of it" : "it");
}

Verdict Decide(const Right& right, const AgentPolicy& agent, const ChannelPattern& channel) {
  std::optional<Grant> grant = right.grants.FirstCovering(channel);
  if (!grant) return Verdict::Refused(ReasonAgainst(right, agent, channel));
  // Lists of an agent's own and the built-in default name no place of their own.
  if (grant->via.empty()) grant->via = "agent " + agent.name;
  if (grant->location.file == nullptr) grant->location = agent.location;
  return Verdict::AllowedBy(*std::move(grant));
}

// Orders the agents that have a `key` by it; names the first key that two of them share.
template <typename Key>
std::optional<std::string> OrderBy(const std::vector<AgentPolicy>& agents, Key key,
                                   std::vector<std::uint32_t>& order) {
  for (std::uint32_t i = 0; i < agents.size(); ++i) {
    if (key(agents[i]) != nullptr) order.push_back(i);
  }
  order.shrink_to_fit();
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return *key(agents[a]) < *key(agents[b]); });
  const auto repeated = std::adjacent_find(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return *key(agents[a]) == *key(agents[b]);
  });
  if (repeated == order.end()) return std::nullopt;
  return *key(agents[*repeated]);
}

template <typename Key>
const AgentPolicy* FindIn(const std::vector<AgentPolicy>& agents, const std::vector<std::uint32_t>& order,
                          Key key, std::string_view wanted) {
  const auto found = std::lower_bound(
      order.begin(), order.end(), wanted,
      [&](std::uint32_t index, std::string_view text) { return *key(agents[index]) < text; });
  if (found == order.end() || *key(agents[*found]) != wanted) return nullptr;
  return &agents[*found];
}

const std::string* NameOf(const AgentPolicy& agent) { return &agent.name; }
const std::string* IdOf(const AgentPolicy& agent) { return agent.id ? &*agent.id : nullptr; }

}  // namespace

Verdict Verdict::AllowedBy(Grant grant) {
  Verdict verdict;
  verdict.grant_ = std::move(grant);
  return verdict;
}

Verdict Verdict::Refused(std::string reason) {
  Verdict verdict;
  verdict.reason_ = std::move(reason);
  return verdict;
}

std::string Verdict::Explain() const {
  if (!grant_) return reason_;
  const std::string place = grant_->location.Format();
  const std::string at = place.empty() ? "" : fmt::format(" ({})", place);
  return fmt::format("allowed as \"{}\" by {}{}", grant_->pattern.text(), grant_->via, at);
}

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Create(std::string space, std::string revision,
                                                             std::vector<AgentPolicy> agents) {
  std::shared_ptr<Policy> policy(new Policy());
  policy->space_ = std::move(space);
  policy->revision_ = std::move(revision);
  policy->agents_ = std::move(agents);
  if (const absl::Status status = policy->Index(); !status.ok()) return status;
  return std::shared_ptr<const Policy>(std::move(policy));
}

absl::Status Policy::Index() {
  if (const auto name = OrderBy(agents_, NameOf, by_name_)) {
    return absl::InvalidArgumentError(fmt::format("two agents have the name \"{}\"", *name));
  }
  if (const auto id = OrderBy(agents_, IdOf, by_id_)) {
    return absl::InvalidArgumentError(fmt::format("two agents are pinned to the id {}", *id));
  }
  return absl::OkStatus();
}

const AgentPolicy* Policy::FindByName(std::string_view name) const {
  return FindIn(agents_, by_name_, NameOf, name);
}

const AgentPolicy* Policy::FindByPinnedId(std::string_view id) const {
  return FindIn(agents_, by_id_, IdOf, id);
}

Verdict MaySubscribe(const AgentPolicy& agent, const ChannelPattern& channel) {
  return Decide({agent.allow_subscribe, "reading", "allowSubscribe"}, agent, channel);
}

Verdict MayPublish(const AgentPolicy& agent, const ChannelPattern& channel) {
  return Decide({agent.allow_publish, "posting to", "allowPublish"}, agent, channel);
}

}  // namespace meshwarden
