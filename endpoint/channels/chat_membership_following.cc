// A ChatMembership that follows its durable: the filter says what is joined.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/text/printable.h"
#include "endpoint/channels/chat_membership.h"
#include "endpoint/channels/filter_channels.h"
#include "endpoint/delivery/bound_durable.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// What is to be told of a filter from which not every message comes to the handler; empty if there is
// nothing.
std::string ProblemOf(const FilterChannels& read, const std::string& durable) {
  if (!read.unreadable.empty()) {
    std::vector<std::string> shown;
    for (const std::string& filter : read.unreadable) shown.push_back(Printable(filter, kMaxQuotedBytes));
    return fmt::format(
        "the filter of {} is no list of channels ({}): what comes by it is not read. Have the "
        "agent provisioned again",
        durable, fmt::join(shown, ", "));
  }
  if (!read.channels.empty()) return "";
  return fmt::format(
      "nothing arrives from any channel: {} is parked, since the policy left this agent nothing "
      "to read. Join a channel that it allows by now, or have the agent provisioned again",
      durable);
}

}  // namespace

// Also after a first bind that failed, by which time the filter may have moved.
void ChatMembership::JoinWhatIsRead(const ConsumerInfo& info) {
  const Channels channels = ReadFilter(options_.filter.space, info.config).channels;
  if (!bound_before_) {
    for (const std::string& channel : channels_.List()) {
      if (std::find(channels.begin(), channels.end(), channel) == channels.end()) channels_.Leave(channel);
    }
  }
  for (const std::string& channel : channels) channels_.Join(channel);
}

void ChatMembership::NoteAdded(const ConsumerInfo& info) {
  const FilterChannels read = ReadFilter(options_.filter.space, info.config);
  filter_problem_ = ProblemOf(read, ChatDurable(options_.filter.self.id));
  std::map<std::string, std::uint64_t, std::less<>> added;
  for (const std::string& channel : read.channels) {
    // A join or a leave of our own has its say about its channel first.
    if (channels_.Contains(channel) || channel == moving_ || unresolved_.contains(channel)) continue;
    const auto before = added_.find(channel);
    added.emplace(channel, before == added_.end() ? aligned_at_ : before->second);
  }
  added_ = std::move(added);
}

// Not as long as a late request of our own may be what has put it there.
bool ChatMembership::MayAdopt() { return options_.follow && !IsOursToMove(); }

void ChatMembership::Adopt() {
  if (!MayAdopt()) return;
  for (const auto& [channel, since] : std::exchange(added_, {})) {
    // Since then it may have been in the filter, and what came has been handed over, or was acknowledged by
    // somebody who did not know the channel.
    owed_.OweMissed(channel, since);
    Admit(channel);
  }
}

// Before a join or a leave: whether somebody has added the channel to the filter, so that it is joined by
// that.
bool ChatMembership::IsThereAlready(const std::string& channel) {
  if (!options_.follow || channels_.Contains(channel) || !options_.await_live(TimePoint::min()).ok())
    return false;
  MutexLock filter_lock(filter_mutex_);
  const absl::StatusOr<ConsumerInfo> info = filter_.Look();
  if (!info.ok() || !IsStill(*info, durable_created(), floor_.deliveries())) return false;
  MutexLock lock(mutex_);
  NoteFilter(*info);
  Adopt();
  return channels_.Contains(channel);
}

void ChatMembership::TellOfFilter() {
  std::string problem;
  {
    MutexLock lock(mutex_);
    if (filter_problem_ == told_problem_) return;
    told_problem_ = filter_problem_;
    problem = filter_problem_;
  }
  if (!problem.empty()) options_.on_error(absl::FailedPreconditionError(problem));
}

}  // namespace meshwarden
