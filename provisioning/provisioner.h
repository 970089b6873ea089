// Provisioning an agent, before it is spawned: durables, record, credential.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/privileged.h"
#include "policy/policy.h"
#include "provisioning/agent_record.h"
#include "provisioning/mint.h"

namespace meshwarden {

struct ProvisionOptions {
  std::string agent;  // name in the policy
  std::string id;     // public user nkey of the instance
  // Channels at birth; absent: the policy's. Each must be within allowSubscribe.
  std::optional<std::vector<std::string>> subscribe;
};

struct ProvisionResult {
  std::string jwt;
  std::vector<std::string> channels;  // what the chat durable reads now
  bool created = false;               // false: the durables were there already
};

// Makes `chat_<id>`, `dm_<id>` and the role's queue, writes the record, and mints the JWT; in that order, so
// that a credential exists only for an agent that can work. Idempotent: what exists keeps its cursor; a chat
// filter that reaches beyond today's policy is cut back to what the policy allows. Blocking.
absl::StatusOr<ProvisionResult> ProvisionAgent(JetStreamApi& api, const Policy& policy, const Issuer& issuer,
                                               const ProvisionOptions& options, const Clock& clock);

}  // namespace meshwarden
