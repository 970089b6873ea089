// Which agents somebody can start: directly, and through the agents that it starts.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "policy/policy.h"

namespace meshwarden {

// One of them, and the last step of a shortest way to it. Lives as long as the policy that it was asked of.
struct Startable {
  const AgentPolicy* agent;            // never null
  std::optional<std::size_t> through;  // which of the same list starts it; nothing: whoever was asked about
  Rule rule;                           // the entry of the starter's mayProvision
};

// All of them, each once, the nearest first. An agent that can be started leads further if it has the
// capability spawn. An agent is itself among those that it can start if some way leads back to it.
std::vector<Startable> StartableBy(const Policy& policy, const LauncherPolicy& launcher);
std::vector<Startable> StartableBy(const Policy& policy, const AgentPolicy& agent);

// The agents between whoever was asked about and `all[index]`, the first to be started first.
std::vector<const AgentPolicy*> WayTo(const std::vector<Startable>& all, std::size_t index);

}  // namespace meshwarden
