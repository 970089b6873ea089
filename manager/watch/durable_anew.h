// A chat durable that was deleted, as it is made anew: the contract's, with its place and its channels.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "base/clock.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "manager/watch/durable_places.h"
#include "policy/policy.h"

namespace meshwarden {

struct LostChatDurable {
  std::string space;
  std::string id;
  const KnownDurable* known = nullptr;  // as it was listed last; null if it never was
  SystemTime lost_at;
};

// It goes on behind what was settled or, where that is not known, as long before it was lost as a message may
// have waited for its acknowledgement. Its channels are those that it read, within today's policy, or else
// those at birth. One that nobody has used yet is as it was at birth: its first reader begins with the
// history.
absl::StatusOr<ConsumerConfig> ChatDurableAnew(const LostChatDurable& lost, const AgentPolicy& agent);

}  // namespace meshwarden
