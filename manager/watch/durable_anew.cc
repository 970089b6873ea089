#include "manager/watch/durable_anew.h"

#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "provisioning/provisioner.h"

namespace meshwarden {
namespace {

bool IsUnused(const KnownDurable* known) {
  return known != nullptr && !known->made_anew && known->deliveries == 0 && known->waiting == 0;
}

}  // namespace

absl::StatusOr<ConsumerConfig> ChatDurableAnew(const LostChatDurable& lost, const AgentPolicy& agent) {
  const KnownDurable* known = lost.known;
  const std::span<const std::string> filters =
      known == nullptr ? std::span<const std::string>() : std::span<const std::string>(known->filters);
  const std::vector<std::string> channels = ChannelsToKeep(agent, lost.space, filters, agent.subscribe);
  MW_ASSIGN_OR_RETURN(ConsumerConfig config, ChatDurableConfig(lost.space, lost.id, channels));
  if (IsUnused(known)) return config;
  DurableStart start{.seq = std::nullopt,
                     .time = lost.lost_at - std::chrono::ceil<SystemTime::duration>(config.ack_wait)};
  if (known != nullptr && known->settled.has_value()) start.seq = *known->settled + 1;
  return BeginningAt(std::move(config), start);
}

}  // namespace meshwarden
