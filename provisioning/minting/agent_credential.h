// The credential that a policy gives one of its agents.
#pragma once

#include <string>

#include "policy/policy.h"
#include "provisioning/minting/mint.h"

namespace meshwarden {

// What to mint for the identity `id` of `agent`.
MintOptions CredentialOf(const AgentPolicy& agent, const std::string& space, const std::string& id);

}  // namespace meshwarden
