// The record of a provisioned agent: how any manager, also one started later, knows which agent of the policy
// an identity is. Where records lie: record_keys.h; how they are read and written: record_keeper.h.
//
//   {"v":2,"id":…,"agent":…,"owner"?:…,"root"?:…,"state":…,"provisionedAt":…,"ttl"?:…,"expires"?:…,
//    "places"?:[…],"seenAt"?:…,"takenBackAt"?:…}
//
// provisionedAt, seenAt and takenBackAt are milliseconds, ttl and expires seconds, as in a JWT. A record
// without "v" is of an earlier version: it has an id, an agent and provisionedAt, and its agent is live.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace meshwarden {

enum class RecordState {
  kBegun,    // being provisioned
  kLive,     // served
  kLeaving,  // being taken down
  kGone,     // taken down
  kRevoked,  // cut off for good
};

// As a record says it: "begun", "live", "leaving", "gone", "revoked".
std::string_view NameOf(RecordState state);

struct AgentRecord {
  std::string id;     // public user nkey
  std::string agent;  // name in the policy
  SystemTime provisioned_at;
  RecordState state = RecordState::kLive;
  std::optional<std::string> owner = {};         // who had it provisioned
  std::optional<std::string> root = {};          // the launcher at the head of the owners
  std::optional<std::chrono::seconds> ttl = {};  // lifetime of its credentials
  std::optional<SystemTime> expires = {};        // when the last of them ends
  std::vector<std::string> places = {};          // keys of the places that it takes, behind the token
  std::optional<SystemTime> seen_at = {};        // when it was last seen
  // One that is leaving has never been live: it is taken back since then by whoever had begun it.
  std::optional<SystemTime> taken_back_at = {};

  bool operator==(const AgentRecord&) const = default;
};

std::string EncodeAgentRecord(const AgentRecord& record);

// DataLoss, which says what to do, unless the text is a record of `id` in a version and a state that are
// known: then there is a record, and nobody can tell of which agent.
absl::StatusOr<AgentRecord> DecodeAgentRecord(std::string_view id, std::string_view text);

// FailedPrecondition unless `stored` is a record of `agent` that is live or may become so: an identity does
// not change who it is, and does not come back. Unavailable if it is being taken back: it may come yet.
absl::Status CheckSameAgent(const AgentRecord& stored, std::string_view agent);

// For so long whoever takes back what he had begun may change anything of it.
inline constexpr std::chrono::seconds kTakeBackTime{10};
// And so long after he began to he certainly does not, with what requests take on their way, and clocks that
// differ: then the next attempt may take it up.
inline constexpr std::chrono::seconds kTakeUpAfter{30};

// As CheckSameAgent, to one who is about to provision `agent` at `now`: OK also if it has been taken back for
// so long that whoever did so has been interrupted.
absl::Status CheckMayTakeUp(const AgentRecord& stored, std::string_view agent, SystemTime now);

}  // namespace meshwarden
