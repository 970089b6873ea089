// Agents' records, as those who look an agent up want them: there, not there, or not to be told now.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>

#include "endpoint/nats/connection.h"
#include "manager/process/log.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_keeper.h"

namespace meshwarden {

inline constexpr char kNoRecords[] =
    "the space has no bucket for agents' records, so only pinned agents are known; run meshwarden space "
    "setup";

// What cannot have a record has none, which is an answer; a connection that is away has no answer.
// Thread-safe.
class RecordReader {
 public:
  // What is pointed to must outlive this object, and `records` ask by `mover`.
  RecordReader(Connection& mover, RecordKeeper& records, std::string space, Log& log);

  // As RecordKeeper::ReadAsync, but NotFound also where the space has no bucket for records, and Unavailable
  // while the connection is away. This object must live until `done` is called.
  void Read(const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done) const;

 private:
  absl::StatusOr<AgentRecord> Interpret(absl::StatusOr<AgentRecord> record) const;

  Connection& mover_;
  RecordKeeper& records_;
  const std::string space_;
  Log& log_;
};

}  // namespace meshwarden
