#include "manager/watch/watch_repairs.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "proto/names.h"
#include "provisioning/records/recorded_agent.h"

namespace meshwarden {

absl::StatusOr<const AgentPolicy*> WatchRepairs::AgentOf(const std::string& id) {
  MW_ASSIGN_OR_RETURN(const AgentRecord record, parts_.read_record(id));
  if (record.state != RecordState::kLive) {
    return absl::NotFoundError(fmt::format("{} is recorded as {}", id, NameOf(record.state)));
  }
  if (const AgentPolicy* const agent = RecordedAgent(*parts_.policy, record)) return agent;
  return absl::NotFoundError(fmt::format("{} is recorded as an agent that today's policy does not have", id));
}

absl::StatusOr<WatchRepairs::Anew> WatchRepairs::MakeAnew(const LostChatDurable& lost) {
  const std::string stream = ChatStream(parts_.space);
  const absl::Status there = parts_.api.GetConsumer(stream, ChatDurable(lost.id)).status();
  if (there.ok()) return absl::AlreadyExistsError(fmt::format("{} is there", ChatDurable(lost.id)));
  if (!HasJsError(there, JsError::kConsumerNotFound)) return there;
  MW_ASSIGN_OR_RETURN(const AgentPolicy* const agent, AgentOf(lost.id));
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, ChatDurableAnew(lost, *agent));
  Anew anew{.durable = {}, .agent = agent->name};
  MW_ASSIGN_OR_RETURN(anew.durable, parts_.api.CreateConsumer(stream, config));
  return anew;
}

absl::Status WatchRepairs::GiveBack(const std::string& stream, const std::string& durable,
                                    std::uint64_t settled) {
  return parts_.api.ResetConsumer(stream, durable, settled + 1);
}

}  // namespace meshwarden
