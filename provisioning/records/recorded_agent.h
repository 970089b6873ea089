// Which agent of a policy an identity is, by its record.
#pragma once

#include "policy/policy.h"
#include "provisioning/records/agent_record.h"

namespace meshwarden {

// The agent that the identity of `record` is under `policy`: the one that is pinned to it, whatever the
// record says, else the one that the record names, unless that is pinned to another identity. Null: it is
// none, or the record is not live. Lives as long as the policy.
const AgentPolicy* RecordedAgent(const Policy& policy, const AgentRecord& record);

}  // namespace meshwarden
