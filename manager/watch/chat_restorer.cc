#include "manager/watch/chat_restorer.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

using std::chrono::steady_clock;

// While one is taken away, nobody else is to make it: the pulls that stood on it would not end.
constexpr std::chrono::seconds kTakingAway{30};
// Between two looks whether another manager has made what it took away.
constexpr std::chrono::milliseconds kLookAgain{500};
constexpr std::string_view kNobody = "not known";

bool IsBrokerAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

std::vector<std::string> ChannelsOf(std::string_view space, const ConsumerConfig& config) {
  std::vector<std::string> channels;
  for (const std::string& filter : config.Filters()) {
    channels.push_back(ChannelOfFilter(space, filter).value_or(filter));
  }
  return channels;
}

}  // namespace

ChatRestorer::ChatRestorer(const Parts& parts, const WatchOptions& options)
    : parts_(parts), options_(options), stream_(ChatStream(parts.space)), delay_(options) {}

ChatRestorer::Gone& ChatRestorer::NoteGoneAt(const std::string& id, Time due) {
  return gone_.try_emplace(id, Gone{.due = due, .retry = options_.first_retry, .at = Clock::System().Now()})
      .first->second;
}

void ChatRestorer::NoteGone(const std::string& id) {
  if (gone_.contains(id)) return;
  const Time now = steady_clock::now();
  Gone& gone = NoteGoneAt(id, now + delay_.Next());
  if (parts_.repairs.IsManager(deleted_by_.UserOf(id, now).value_or(""))) gone.left_until = now + kTakingAway;
}

void ChatRestorer::NoteDeletedBy(const std::string& id, std::string_view user) {
  const Time now = steady_clock::now();
  deleted_by_.Note(id, user, now);
  const auto found = gone_.find(id);
  if (found == gone_.end() || found->second.taken_away) return;
  Gone& gone = found->second;
  if (parts_.repairs.IsManager(user)) {
    gone.left_until = now + kTakingAway;
  } else if (gone.left_until.has_value()) {
    // Whoever deletes what a manager has just made anew must not have it left to nobody.
    gone.left_until = std::nullopt;
    gone.due = now + delay_.Next();
  }
}

ChatRestorer::Time ChatRestorer::next_due() const {
  Time due = Time::max();
  for (const auto& [id, gone] : gone_) due = std::min(due, gone.due);
  return due;
}

void ChatRestorer::MakeDue() {
  const Time now = steady_clock::now();
  for (auto next = gone_.begin(); next != gone_.end();) {
    auto& [id, gone] = *next;
    next = gone.due <= now && Attend(id, gone) ? gone_.erase(next) : std::next(next);
  }
}

void ChatRestorer::Finish() {
  std::erase_if(gone_, [](const auto& entry) { return !entry.second.taken_away; });
  for (auto& [id, gone] : gone_) static_cast<void>(Make(id, gone));
}

bool ChatRestorer::Attend(const std::string& id, Gone& gone) {
  const bool is_left = gone.left_until.has_value() && steady_clock::now() < *gone.left_until;
  return is_left ? IsMadeByOther(id, gone) : Make(id, gone);
}

bool ChatRestorer::IsMadeByOther(const std::string& id, Gone& gone) {
  if (parts_.repairs.api().GetConsumer(stream_, ChatDurable(id)).ok()) return true;
  gone.due = std::min(steady_clock::now() + kLookAgain, *gone.left_until);
  return false;
}

bool ChatRestorer::Make(const std::string& id, Gone& gone) {
  const std::string durable = ChatDurable(id);
  const absl::StatusOr<WatchRepairs::Anew> anew = parts_.repairs.MakeAnew(
      {.space = parts_.space, .id = id, .known = parts_.places.Find(durable), .lost_at = gone.at});
  if (anew.ok()) {
    static_cast<void>(parts_.places.Take(anew->durable));
    TellMade(id, gone, *anew);
    return true;
  }
  if (absl::IsAlreadyExists(anew.status())) return true;
  if (TellUnmade(id, anew.status())) {
    parts_.places.Forget(durable);
    return true;
  }
  gone.due = steady_clock::now() + gone.retry;
  gone.retry = std::min(gone.retry * 2, options_.longest_retry);
  return false;
}

void ChatRestorer::TellMade(const std::string& id, const Gone& gone, const WatchRepairs::Anew& anew) {
  const std::vector<std::string> channels = ChannelsOf(parts_.space, anew.durable.config);
  std::vector<LogField> fields = {{"id", id},
                                  {"agent", anew.agent},
                                  {"channels", channels},
                                  {"after", static_cast<std::int64_t>(anew.durable.delivered_stream_seq)}};
  if (gone.taken_away) {
    parts_.log.Tell({.level = LogLevel::kWarn,
                     .message = "an agent's chat durable was taken away with the pulls on it, and made anew",
                     .of = id,
                     .fields = fields});
    return;
  }
  if (gone.left_until.has_value()) {
    parts_.log.Tell({.level = LogLevel::kWarn,
                     .message =
                         "an agent's chat durable was taken away by another manager, which did not make "
                         "it anew; made anew here",
                     .of = id,
                     .fields = fields});
    return;
  }
  const std::optional<std::string> by = deleted_by_.UserOf(id, steady_clock::now());
  if (by.has_value()) fields.push_back({"by", by->empty() ? kNobody : std::string_view(*by)});
  parts_.log.Tell({.level = LogLevel::kError,
                   .message = "an agent's chat durable was deleted by somebody else, and made anew",
                   .of = id,
                   .fields = std::move(fields)});
  deleted_by_.Forget(id);
}

// True if it is not to be made.
bool ChatRestorer::TellUnmade(const std::string& id, const absl::Status& status) {
  const std::string error = MessageOf(status);
  if (absl::IsNotFound(status)) {
    parts_.log.Tell({.level = LogLevel::kInfo,
                     .message = "a chat durable is gone and not made anew: it is no agent's of today",
                     .of = id,
                     .fields = {{"id", id}, {"reason", error}}});
    return true;
  }
  parts_.log.Tell({.level = IsBrokerAway(status) ? LogLevel::kWarn : LogLevel::kError,
                   .message = "an agent's chat durable is gone and could not be made anew, trying again",
                   .of = id,
                   .fields = {{"id", id}, {"error", error}}});
  return false;
}

void ChatRestorer::TakeAway(const std::string& id, const std::function<void()>& between) {
  const Time now = steady_clock::now();
  std::erase_if(taken_away_at_,
                [&](const auto& entry) { return now - entry.second >= options_.evict_again_after; });
  if (taken_away_at_.contains(id) || !parts_.repairs.AgentOf(id).ok()) return;
  const std::string durable = ChatDurable(id);
  const absl::StatusOr<ConsumerInfo> before = parts_.repairs.api().GetConsumer(stream_, durable);
  if (!before.ok()) return;
  taken_away_at_.emplace(id, now);
  // As it stands at this moment, so that its agent loses nothing.
  static_cast<void>(parts_.places.Take(*before));
  NoteGoneAt(id, now).taken_away = true;
  gone_.at(id).due = now + kTakingAway;
  const absl::Status deleted = parts_.repairs.api().DeleteConsumer(stream_, durable);
  // Pulls can stand on a history reader as well; one that is in use makes itself anew.
  static_cast<void>(parts_.repairs.api().DeleteConsumer(stream_, ChatHistoryConsumer(id)));
  if (deleted.ok()) between();
  const auto gone = gone_.find(id);
  if (gone != gone_.end() && Make(id, gone->second)) gone_.erase(gone);
  if (deleted.ok()) return;
  const std::string error = MessageOf(deleted);
  parts_.log.Tell({.level = LogLevel::kError,
                   .message = "the pulls on an agent's chat durable could not be removed",
                   .of = id,
                   .fields = {{"id", id}, {"error", error}}});
}

}  // namespace meshwarden
