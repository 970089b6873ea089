// Who is this identity? The agent of the policy that an id stands for.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "policy/policy.h"
#include "provisioning/records/agent_record.h"

namespace meshwarden {

// Looks an id up in the policy's pinned ids first and then in the records of the space, and remembers what it
// found for a while. An agent that the policy pins to an id is that id and no other, whatever a record says.
//
// Thread-safe. Never calls out under its lock. Must outlive every lookup in flight.
class AgentDirectory {
 public:
  // Reads the record of an id; see RecordKeeper for what it answers. May answer before it returns.
  using ReadRecord =
      std::function<void(const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)>)>;
  // The agent, or: NotFound, the id is no agent of this policy; any other error, that is not known.
  using Found = std::function<void(absl::StatusOr<const AgentPolicy*>)>;
  using SteadyClock = std::function<std::chrono::steady_clock::time_point()>;

  struct Options {
    std::chrono::milliseconds keep_known{10'000};
    std::chrono::milliseconds keep_unknown{1'000};
    std::size_t max_entries = 4096;  // the one unused for longest makes room
    SteadyClock now = &std::chrono::steady_clock::now;
  };

  AgentDirectory(std::shared_ptr<const Policy> policy, ReadRecord read, Options options);
  AgentDirectory(const AgentDirectory&) = delete;
  AgentDirectory& operator=(const AgentDirectory&) = delete;

  // Calls `found` once: at once if the answer is remembered, else when the record has been read. Lookups of
  // one id that meet share one reading. The agent lives as long as the policy.
  void Find(const std::string& id, Found found) MW_EXCLUDES(mutex_);

  // Forgets what is remembered of `id`, for a caller who has seen that it can no longer be true.
  void Forget(const std::string& id) MW_EXCLUDES(mutex_);

  const Policy& policy() const { return *policy_; }

 private:
  struct Entry {
    std::string id;
    const AgentPolicy* agent;  // null: no agent of this policy
    std::chrono::steady_clock::time_point until;
  };
  using Entries = std::list<Entry>;

  // What is remembered of `id`, if anything is.
  std::optional<const AgentPolicy*> Recall(const std::string& id) MW_EXCLUDES(mutex_);
  // True if nobody waits for the record of `id` yet: it must be read then.
  bool StartWaiting(const std::string& id, Found found) MW_EXCLUDES(mutex_);
  void Remember(const std::string& id, const AgentPolicy* agent) MW_REQUIRES(mutex_);
  void Erase(const std::string& id) MW_REQUIRES(mutex_);
  void RecordRead(const std::string& id, const absl::StatusOr<AgentRecord>& record) MW_EXCLUDES(mutex_);

  const std::shared_ptr<const Policy> policy_;
  const ReadRecord read_;
  const Options options_;

  Mutex mutex_;
  Entries entries_ MW_GUARDED_BY(mutex_);  // the one used last comes first
  std::unordered_map<std::string_view, Entries::iterator> by_id_ MW_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::vector<Found>> being_read_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
