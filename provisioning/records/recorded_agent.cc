#include "provisioning/records/recorded_agent.h"

namespace meshwarden {

const AgentPolicy* RecordedAgent(const Policy& policy, const AgentRecord& record) {
  if (record.state != RecordState::kLive) return nullptr;
  if (const AgentPolicy* pinned = policy.FindByPinnedId(record.id)) return pinned;
  const AgentPolicy* named = policy.FindByName(record.agent);
  return named != nullptr && named->id.has_value() ? nullptr : named;
}

}  // namespace meshwarden
