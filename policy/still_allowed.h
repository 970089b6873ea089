// What is left of what an agent reads when its policy has become narrower.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace meshwarden {

// The part of `channels` (channels and patterns) that `agent` may still read, one within a single grant each
// and no two of them overlapping, so that a broker takes them as one filter. A channel that is allowed whole
// stays as it is; of one that is not, what it shares with a grant stays. Where two remains overlap without
// one covering the other, the later one goes, since less than the policy allows is safe. Empty: nothing may
// be read any more.
std::vector<std::string> StillAllowed(const AgentPolicy& agent, std::span<const std::string> channels);

}  // namespace meshwarden
