// The record of a provisioned agent, in the space's agent bucket under the agent's id: how any manager, also
// one started later, knows which agent of the policy an identity is.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

struct AgentRecord {
  std::string id;     // public user nkey
  std::string agent;  // name in the policy
  SystemTime provisioned_at;
};

std::string EncodeAgentRecord(const AgentRecord& record);
// InvalidArgument unless the text is a record of `id`.
absl::StatusOr<AgentRecord> DecodeAgentRecord(std::string_view id, std::string_view text);

// FailedPrecondition unless `stored` is of `agent`: an identity does not change who it is.
absl::Status CheckSameAgent(const AgentRecord& stored, std::string_view agent);

// Reads the record of `id`. NotFound if there is none, Unavailable or DeadlineExceeded if that is not known,
// FailedPrecondition if the space has no bucket for records, InvalidArgument if `id` is no user nkey or what
// is stored is no record. `api` must outlive the call; `done` runs on the connection's threads, or at once.
void ReadAgentRecordAsync(JetStreamApi& api, std::string_view space, std::string_view id,
                          std::function<void(absl::StatusOr<AgentRecord>)> done);
absl::StatusOr<AgentRecord> ReadAgentRecord(JetStreamApi& api, std::string_view space, std::string_view id);

// Writes it. An equal one (same id and agent) is left as it is. FailedPrecondition if the id is recorded as
// another agent. Two writers at once: one wins, the other hears of it
// as if it had come later.
absl::Status WriteAgentRecord(JetStreamApi& api, std::string_view space, const AgentRecord& record);

}  // namespace meshwarden
