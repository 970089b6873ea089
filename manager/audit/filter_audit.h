// The chat durables of a space against the policy: what reads more than it may is cut back.
//
// A policy may have become narrower while no manager ran, and a durable's filter outlives every policy. What
// the broker has is compared, never what somebody remembers of it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/space/privileged.h"
#include "manager/process/log.h"
#include "policy/policy.h"
#include "provisioning/records/agent_record.h"

namespace meshwarden {

struct FilterAuditParts {
  // Calls `act` once, when nothing else is being done for the agent, and lets nothing else be done for it
  // until the last copy of what `act` was given is gone.
  using InTurn = std::function<void(const std::string& id, std::function<void(std::shared_ptr<void>)> act)>;

  JetStreamApi& api;  // of a mover
  std::string space;
  std::shared_ptr<const Policy> policy;
  // As RecordKeeper::ReadAsync.
  std::function<void(const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done)>
      read_record;
  InTurn in_turn;  // null: nobody is served yet
  Log& log;
};

// How many chat durables there are, and what became of them.
struct FilterAudit {
  std::size_t durables = 0;
  std::size_t cut = 0;      // to what is still allowed
  std::size_t parked = 0;   // nothing of what they read is allowed, or the policy does not have their agent
  std::size_t unknown = 0;  // no record says whose they are, or it is not live: left alone
  std::size_t failed = 0;   // the broker refused, or the record is damaged; each has its line in the log
};

// Cuts back the filter of every chat durable that reads more than the policy allows its agent: to what is
// still allowed or, if that is nothing, to a filter that lets nothing through. One line of the log for each.
// Blocking.
//
// Unavailable or DeadlineExceeded: the broker is away, and not all of them are known to be within the policy.
// PermissionDenied: `api` may not list the durables.
absl::StatusOr<FilterAudit> CutFiltersBack(const FilterAuditParts& parts);

}  // namespace meshwarden
