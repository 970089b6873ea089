#include "manager/service/late_moves.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"
#include "manager/service/set_channels.h"
#include "proto/channel_pattern.h"

namespace meshwarden {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookLater{1'000};
// Of one agent; when more are lost, the first are the least likely to come yet.
constexpr std::size_t kMaxLost = 16;

// As the broker has them: collapsed, in one order.
std::vector<std::string> Sorted(std::span<const std::string> channels) {
  std::vector<std::string> sorted = CollapsePatterns(channels);
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

LateMoves::LateMoves(const Parts& parts, const Options& options)
    : parts_(parts), options_(options), thread_([this] { Run(); }) {}

LateMoves::~LateMoves() { Stop(); }

void LateMoves::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

LateMoves::Suspect& LateMoves::NoteLost(const std::string& id, const Channels& channels) {
  Suspect& suspect = suspects_[id];
  if (std::find(suspect.lost.begin(), suspect.lost.end(), channels) == suspect.lost.end()) {
    if (suspect.lost.size() == kMaxLost) suspect.lost.erase(suspect.lost.begin());
    suspect.lost.push_back(channels);
  }
  suspect.lost_at = steady_clock::now();
  if (suspects_.size() > options_.max_agents) {
    suspects_.erase(std::min_element(suspects_.begin(), suspects_.end(), [](const auto& a, const auto& b) {
      return a.second.lost_at < b.second.lost_at;
    }));
  }
  return suspect;
}

void LateMoves::Lost(const std::string& id, const std::vector<std::string>& channels) {
  const Channels sorted = Sorted(channels);
  {
    const MutexLock lock(mutex_);
    Suspect& suspect = NoteLost(id, sorted);
    confirmed_.erase(id);
    // This is what the agent asked for last: whether it comes or not, nothing is wrong yet. Putting back what
    // was confirmed may be lost as well, and stays to be done.
    if (suspect.right.has_value() && suspect.right->channels != sorted) suspect.right.reset();
  }
  parts_.tell_others(id, channels);
}

void LateMoves::LostElsewhere(const std::string& id, const std::vector<std::string>& channels) {
  const MutexLock lock(mutex_);
  Suspect& suspect = NoteLost(id, Sorted(channels));
  const auto confirmed = confirmed_.find(id);
  if (confirmed == confirmed_.end()) return;
  suspect.right = std::move(confirmed->second);
  confirmed_.erase(confirmed);
  suspect.right->channels = Sorted(suspect.right->channels);
  suspect.due = steady_clock::now();
  changed_.NotifyAll();
}

void LateMoves::Confirmed(const std::string& id, const std::vector<std::string>& channels) {
  const std::uint64_t tenure = parts_.order.TenureOf(id);
  const MutexLock lock(mutex_);
  const Time now = steady_clock::now();
  const auto found = suspects_.find(id);
  if (found == suspects_.end()) return Remember(id, {.channels = channels, .at = now, .tenure = tenure});
  found->second.right = Confirmation{.channels = Sorted(channels), .at = now, .tenure = tenure};
  found->second.due = now;
  changed_.NotifyAll();
}

void LateMoves::Remember(const std::string& id, Confirmation confirmed) {
  if (confirmed_.size() >= options_.max_remembered && confirmed.at >= sweep_at_) {
    sweep_at_ = confirmed.at + kLookLater;
    std::erase_if(confirmed_,
                  [&](const auto& entry) { return confirmed.at - entry.second.at >= options_.remember_for; });
  }
  if (confirmed_.size() < options_.max_remembered || confirmed_.contains(id)) {
    confirmed_[id] = std::move(confirmed);
  }
}

void LateMoves::Run() {
  while (true) {
    std::vector<std::string> due;
    {
      const MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitUntil(mutex_, steady_clock::now() + options_.look_every);
      // Nobody is looked at: nothing to wake up for.
      while (!stopping_ && suspects_.empty()) changed_.Wait(mutex_);
      if (stopping_) return;
      due = TakeDue(steady_clock::now());
    }
    for (const std::string& id : due) Look(id);
  }
}

std::vector<std::string> LateMoves::TakeDue(Time now) {
  std::erase_if(suspects_,
                [&](const auto& entry) { return now - entry.second.lost_at >= options_.look_for; });
  std::vector<std::string> due;
  for (auto& [id, suspect] : suspects_) {
    if (!suspect.right.has_value() || now < suspect.due) continue;
    const bool closely = now - suspect.right->at < options_.closely_for;
    suspect.due = now + (closely ? options_.look_every : kLookLater);
    due.push_back(id);
  }
  return due;
}

void LateMoves::Look(const std::string& id) {
  parts_.filters.Read(id, [this, id](absl::StatusOr<std::vector<std::string>> found) {
    if (found.ok()) Compare(id, Sorted(*found));
  });
}

void LateMoves::Compare(const std::string& id, const Channels& found) {
  Channels right;
  {
    const MutexLock lock(mutex_);
    const auto suspect = suspects_.find(id);
    if (suspect == suspects_.end() || !suspect->second.right.has_value()) return;
    right = suspect->second.right->channels;
    const std::vector<Channels>& lost = suspect->second.lost;
    // Whatever else it is, somebody has moved it who may.
    if (found == right || std::find(lost.begin(), lost.end(), found) == lost.end()) return;
  }
  // Refused where many wait; then the next look finds the same.
  static_cast<void>(parts_.queue.Submit(
      id, [this, id, right](AgentQueue::Turn turn) { PutBack(id, right, std::move(turn)); }));
}

bool LateMoves::IsRight(const std::string& id, const Channels& channels) {
  const std::uint64_t tenure = parts_.order.TenureOf(id);
  const MutexLock lock(mutex_);
  const auto suspect = suspects_.find(id);
  if (suspect == suspects_.end() || !suspect->second.right.has_value()) return false;
  std::optional<Confirmation>& right = suspect->second.right;
  // Another manager served the agent meanwhile, and may have confirmed something else.
  if (right->tenure != tenure || tenure == 0) right.reset();
  return right.has_value() && right->channels == channels;
}

void LateMoves::PutBack(const std::string& id, const Channels& right, AgentQueue::Turn turn) {
  parts_.directory.Find(
      id, [this, id, right, turn = std::move(turn)](const absl::StatusOr<const AgentPolicy*>& agent) mutable {
        AgentQueue::Turn mine = std::move(turn);
        if (!agent.ok() || !DecideSetChannels(right, **agent).granted()) return;
        if (!IsRight(id, right) || !parts_.order.MayAct(id)) return;
        parts_.filters.Move(id, right,
                            [this, id, right, mine = std::move(mine)](const absl::Status& status) mutable {
                              const AgentQueue::Turn ended = std::move(mine);
                              Tell(id, right, status);
                            });
      });
}

void LateMoves::Tell(const std::string& id, const Channels& right, const absl::Status& status) {
  const std::string error = MessageOf(status);
  std::vector<LogField> fields = {{"id", id}, {"channels", std::span<const std::string>(right)}};
  if (!status.ok()) fields.push_back({"error", error});
  parts_.log.Write(
      LogLevel::kWarn,
      status.ok()
          ? "the broker carried out an earlier move late; the later one was put back"
          : "the broker carried out an earlier move late, and the later one could not be put back yet",
      fields);
}

}  // namespace meshwarden
