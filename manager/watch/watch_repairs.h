// What the watcher does at the broker: asks for durables and records, and puts right what was done to them.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "endpoint/jetstream/jetstream_api.h"
#include "manager/watch/durable_anew.h"
#include "policy/policy.h"
#include "provisioning/records/agent_record.h"

namespace meshwarden {

// Blocking. For one thread at a time.
class WatchRepairs {
 public:
  // The record of an id as it stands now, never one that was remembered; as RecordKeeper::Read answers.
  using ReadRecord = std::function<absl::StatusOr<AgentRecord>(const std::string& id)>;
  struct Parts {
    JetStreamApi& api;  // of a mover; must outlive this object
    std::string space;
    std::shared_ptr<const Policy> policy;
    ReadRecord read_record;
    std::string id = {};  // of the mover, as the broker names it: all managers of a space may have the same
  };
  explicit WatchRepairs(Parts parts) : parts_(std::move(parts)) {}

  // The record of an id, whatever today's policy says of its agent. NotFound: there is none.
  absl::StatusOr<AgentRecord> RecordOf(const std::string& id) { return parts_.read_record(id); }

  // Which agent of today's policy the id is, by an active record. NotFound: it is none. Any other error: that
  // is not known. The agent lives as long as the policy.
  absl::StatusOr<const AgentPolicy*> AgentOf(const std::string& id);

  // Makes `chat_<id>` anew if it is gone (see ChatDurableAnew). AlreadyExists: it is there. NotFound: it is
  // not for an agent of today. Several managers may do this at once: one makes it.
  struct Anew {
    ConsumerInfo durable;
    std::string agent;  // its name in the policy
  };
  absl::StatusOr<Anew> MakeAnew(const LostChatDurable& lost);

  // Sets a durable's place back to what follows `settled`.
  absl::Status GiveBack(const std::string& stream, const std::string& durable, std::uint64_t settled);

  JetStreamApi& api() { return parts_.api; }
  // Whether the broker names a manager: this one, or another.
  bool IsManager(std::string_view user) const { return !user.empty() && user == parts_.id; }

 private:
  const Parts parts_;
};

}  // namespace meshwarden
