// Provisioning an agent, before it is spawned: durables, record, credential.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "policy/policy.h"
#include "provisioning/minting/mint.h"
#include "provisioning/records/record_keeper.h"

namespace meshwarden {

// What a provisioning works with; all of it must outlive the call.
struct ProvisionParts {
  JetStreamApi& api;  // with the rights of profile setup
  RecordKeeper& records;
  const Policy& policy;
  const Issuer& issuer;
  const Clock& clock;
};

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

// Reserves the id by its record, makes `chat_<id>`, `dm_<id>` and the role's queue, makes the record live,
// and mints the JWT; in that order, so that a credential exists only for an agent that can work, and whoever
// comes second for an id has changed nothing (reservation.h). Idempotent: what exists is compared whole and
// keeps its cursor, or is put right or refused (durable_upkeep.h); a chat filter that reaches beyond today's
// policy is cut back to what the policy allows. Doing it again after a failure completes it. Blocking.
//
// Nothing is made before everything has been checked, and what this call has made is taken back if a later
// step is refused; not so where it is not known what became of a step, or where the agent was live already.
//
// NotFound: the policy has no such agent. InvalidArgument: the id is no user nkey, or a channel is malformed.
// PermissionDenied: a channel that the agent may not read, or records that are out of reach.
// FailedPrecondition: policy and issuer are of two spaces, the agent is pinned to another id or the id to
// another agent, the id is recorded as another agent or as one that is not to come back, or a durable is
// there that is not as it must be. Unavailable also while an earlier attempt is taken back. Aborted: somebody
// else provisions the same at the same time. DataLoss: the record of the id is damaged. What the broker
// refuses keeps its code.
absl::StatusOr<ProvisionResult> ProvisionAgent(const ProvisionParts& parts, const ProvisionOptions& options);

// The channels that a chat durable of `agent` with these filter subjects goes on reading: those within
// today's policy, or, if none is left, `at_birth`. A filter that is no chat filter of `space` counts as
// beyond it.
std::vector<std::string> ChannelsToKeep(const AgentPolicy& agent, std::string_view space,
                                        std::span<const std::string> filter_subjects,
                                        std::span<const std::string> at_birth);

}  // namespace meshwarden
