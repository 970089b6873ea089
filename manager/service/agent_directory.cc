#include "manager/service/agent_directory.h"

#include <fmt/format.h>

#include <utility>

#include "provisioning/records/recorded_agent.h"

namespace meshwarden {
namespace {

absl::StatusOr<const AgentPolicy*> Answer(const std::string& id, const AgentPolicy* agent) {
  if (agent == nullptr) {
    return absl::NotFoundError(fmt::format("{} is no agent of this policy", id));
  }
  return agent;
}

absl::StatusOr<const AgentPolicy*> AnswerFrom(const AgentRecord& record, const AgentPolicy* agent) {
  if (record.state != RecordState::kLive) {
    return absl::NotFoundError(fmt::format("{} is recorded as {}", record.id, NameOf(record.state)));
  }
  return Answer(record.id, agent);
}

}  // namespace

AgentDirectory::AgentDirectory(std::shared_ptr<const Policy> policy, ReadRecord read, Options options)
    : policy_(std::move(policy)), read_(std::move(read)), options_(std::move(options)) {}

void AgentDirectory::Find(const std::string& id, Found found) {
  if (const AgentPolicy* pinned = policy_->FindByPinnedId(id)) {
    found(pinned);
    return;
  }
  if (const std::optional<const AgentPolicy*> remembered = Recall(id)) {
    found(Answer(id, *remembered));
  } else if (StartWaiting(id, std::move(found))) {
    read_(id, [this, id](const absl::StatusOr<AgentRecord>& record) { RecordRead(id, record); });
  }
}

bool AgentDirectory::StartWaiting(const std::string& id, Found found) {
  const MutexLock lock(mutex_);
  std::vector<Found>& waiting = being_read_[id];
  waiting.push_back(std::move(found));
  return waiting.size() == 1;
}

void AgentDirectory::Forget(const std::string& id) {
  const MutexLock lock(mutex_);
  Erase(id);
}

void AgentDirectory::RecordRead(const std::string& id, const absl::StatusOr<AgentRecord>& record) {
  const AgentPolicy* agent = record.ok() ? RecordedAgent(*policy_, *record) : nullptr;
  // Only an answer is remembered; a broker that could not say, or a record that says nothing, leaves nothing
  // behind.
  const bool known = record.ok() || absl::IsNotFound(record.status());
  const absl::StatusOr<const AgentPolicy*> answer =
      record.ok() ? AnswerFrom(*record, agent) : record.status();
  std::vector<Found> waiting;
  {
    const MutexLock lock(mutex_);
    if (known) {
      Remember(id, agent);
    }
    const auto found = being_read_.find(id);
    waiting = std::move(found->second);
    being_read_.erase(found);
  }
  for (const Found& found : waiting) {
    found(answer);
  }
}

std::optional<const AgentPolicy*> AgentDirectory::Recall(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return std::nullopt;
  }
  const Entries::iterator entry = found->second;
  if (options_.now() >= entry->until) {
    Erase(id);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->agent;
}

void AgentDirectory::Remember(const std::string& id, const AgentPolicy* agent) {
  Erase(id);
  if (entries_.size() >= options_.max_entries) {
    Erase(entries_.back().id);
  }
  const auto keep = agent == nullptr ? options_.keep_unknown : options_.keep_known;
  entries_.push_front({id, agent, options_.now() + keep});
  by_id_.emplace(entries_.front().id, entries_.begin());
}

void AgentDirectory::Erase(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return;
  }
  const Entries::iterator entry = found->second;
  by_id_.erase(found);
  entries_.erase(entry);
}

}  // namespace meshwarden
