#include "endpoint/session/chat_membership.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "endpoint/channel_registry.h"
#include "endpoint/control.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

// Whether a move may have happened although it failed.
bool OutcomeUnknown(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || (absl::IsUnavailable(status) && !IsNoResponders(status));
}

std::vector<std::string> Without(std::vector<std::string> channels, std::string_view channel) {
  std::erase(channels, channel);
  return channels;
}

std::vector<std::string> Sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

ChatMembership::ChatMembership(Options options, Connection& connection, JetStreamApi& api,
                               JoinedChannels& channels, SettledFloor& floor)
    : options_(std::move(options)), connection_(connection), api_(api), channels_(channels), floor_(floor) {}

absl::Status ChatMembership::Bind() {
  MW_ASSIGN_OR_RETURN(const Durable durable, FindDurable());
  // After the durable is there, so that nothing lies between the history and what it delivers.
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(ChatStream(options_.space)));
  bool first = false;
  {
    MutexLock lock(mutex_);
    const bool anew = !stream_created_.empty() && stream_created_ != stream.created;
    if (anew) BeginAnew();
    first = anew || !bound_before_;
    stream_created_ = stream.created;
    not_live_.clear();
  }
  floor_.Raise(durable.info.delivered_consumer_seq, durable.info.ack_floor_stream_seq);
  MW_RETURN_IF_ERROR(first ? BindFirst(durable, stream.last_seq) : BindAgain(durable, stream.last_seq));
  if (options_.auth) {
    ReportNotLive(durable.info);
  } else {
    MW_RETURN_IF_ERROR(Reconcile(durable.info));
  }
  MutexLock lock(mutex_);
  bound_before_ = true;
  return absl::OkStatus();
}

// The stream was made anew.
void ChatMembership::BeginAnew() {
  channels_.ForgetPositions();
  floor_.Forget();
  begun_at_ = 0;
}

absl::StatusOr<ChatMembership::Durable> ChatMembership::FindDurable() {
  const std::string stream = ChatStream(options_.space);
  const std::string name = ChatDurable(options_.self.id);
  absl::StatusOr<ConsumerInfo> info = api_.GetConsumer(stream, name);
  if (info.ok()) return Durable{.info = *std::move(info), .made = false};
  if (!absl::IsNotFound(info.status())) return Annotate(info.status(), "durable " + name);
  if (options_.auth) {
    return absl::FailedPreconditionError(
        fmt::format("chat durable {} not pre-created — a launcher must call provisionChatDurable (auth mode "
                    "binds the durable, it never self-creates)",
                    name));
  }
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, OpenConfig(channels_.List()));
  MW_ASSIGN_OR_RETURN(ConsumerInfo made, api_.CreateConsumer(stream, config));
  return Durable{.info = std::move(made), .made = true};
}

absl::StatusOr<ConsumerConfig> ChatMembership::OpenConfig(const std::vector<std::string>& channels) const {
  MW_ASSIGN_OR_RETURN(ConsumerConfig config, ChatDurableConfig(options_.space, options_.self.id, channels));
  return AsOpenMode(std::move(config), options_.ack_wait, options_.inactive_threshold);
}

// This process meets the durable for the first time. If it has never delivered, all the history is owed; the
// live stream is opened only after that has been handed over, so a crash before then owes it again.
absl::Status ChatMembership::BindFirst(const Durable& durable, std::uint64_t frontier) {
  const bool untouched = durable.info.delivered_consumer_seq == 0;
  for (const std::string& channel : channels_.List()) {
    if (!untouched && IsFiltered(durable.info, channel)) continue;
    channels_.Arm(channel, frontier);
    MW_RETURN_IF_ERROR(NoteHistory(channel, frontier).status());
  }
  MutexLock lock(mutex_);
  begun_at_ = untouched ? frontier : durable.info.ack_floor_stream_seq;
  return absl::OkStatus();
}

absl::Status ChatMembership::BindAgain(const Durable& durable, std::uint64_t frontier) {
  // The broker had let go of it, and it was made anew, perhaps by an attempt whose end was not learnt. What
  // it would have delivered since is read from the history, whatever the replay policy says to newcomers.
  // One that a trusted party made is never made anew here; if the broker forgot how far it was, it delivers
  // everything again, and what is settled is dropped.
  if (!options_.auth && (durable.made || durable.info.delivered_consumer_seq == 0)) {
    MutexLock lock(mutex_);
    channels_.OweSince(std::max(begun_at_, floor_.seq()), frontier);
    begun_at_ = frontier;
  }
  return Resolve(durable.info, frontier);
}

// Open mode only: the durable's filter follows the configuration.
absl::Status ChatMembership::Reconcile(const ConsumerInfo& info) {
  MW_ASSIGN_OR_RETURN(const ConsumerConfig wanted, OpenConfig(channels_.List()));
  if (Sorted(info.config.Filters()) == Sorted(wanted.Filters())) return absl::OkStatus();
  const auto updated = api_.UpdateConsumer(ChatStream(options_.space), wanted);
  return Annotate(updated.status(), "durable " + info.name);
}

// After a move whose outcome was not learnt: the durable tells.
absl::Status ChatMembership::Resolve(const ConsumerInfo& info, std::uint64_t frontier) {
  std::optional<Unresolved> unresolved;
  {
    MutexLock lock(mutex_);
    unresolved = unresolved_;
  }
  if (!unresolved.has_value()) return absl::OkStatus();
  const std::string& channel = unresolved->channel;
  const bool filtered = options_.auth && IsFiltered(info, channel);
  if (unresolved->joining && filtered) {
    MW_ASSIGN_OR_RETURN(const bool noted, NoteHistory(channel, frontier));
    if (noted) channels_.Arm(channel, frontier);
    channels_.Join(channel);
  } else if (unresolved->joining) {
    channels_.Disarm(channel);
  } else if (options_.auth && !filtered) {
    channels_.Leave(channel);
  }
  MutexLock lock(mutex_);
  unresolved_.reset();
  return absl::OkStatus();
}

bool ChatMembership::IsFiltered(const ConsumerInfo& info, std::string_view channel) const {
  const absl::StatusOr<std::string> subject = ChatSubject(options_.space, "*", channel);
  if (!subject.ok()) return false;
  const std::vector<std::string> filters = info.config.Filters();
  return std::any_of(filters.begin(), filters.end(),
                     [&](const std::string& filter) { return PatternCovers(filter, *subject); });
}

void ChatMembership::ReportNotLive(const ConsumerInfo& info) {
  std::vector<std::string> missing;
  for (const std::string& channel : channels_.List()) {
    if (!IsFiltered(info, channel)) missing.push_back(channel);
  }
  if (missing.empty()) return;
  {
    MutexLock lock(mutex_);
    not_live_.insert(missing.begin(), missing.end());
  }
  options_.on_error(absl::FailedPreconditionError(fmt::format(
      "nothing arrives live from {}: not in the filter of {}. Join the channel, or have it provisioned",
      fmt::join(missing, ", "), info.name)));
}

// The policy is read fresh: a newcomer must not hear what has just been closed.
absl::StatusOr<bool> ChatMembership::NoteHistory(const std::string& channel, std::uint64_t frontier) {
  if (frontier == 0) return false;
  std::optional<ChannelConfig> config;
  // A pattern has no record of its own.
  if (IsConcreteChannel(channel)) {
    MW_ASSIGN_OR_RETURN(config, ReadChannelConfig(api_, options_.space, channel));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<ChannelDefaults> defaults,
                      ReadChannelDefaults(api_, options_.space));
  const ChannelConfig own = config.value_or(ChannelConfig{});
  const ChannelDefaults general = defaults.value_or(ChannelDefaults{});
  if (!EffectiveReplay(own, general)) return false;
  PendingBackfill backfill{.channel = channel, .next_seq = 1, .until = frontier, .since = std::nullopt};
  if (const auto window = EffectiveReplayWindow(own, general)) {
    const auto now = std::chrono::system_clock::now();
    // A window beyond the clock's beginning is no bound.
    if (*window < std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch()) {
      backfill.since = now - *window;
    }
  }
  channels_.AddBackfill(std::move(backfill));
  return true;
}

absl::StatusOr<std::uint64_t> ChatMembership::Frontier() {
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(ChatStream(options_.space)));
  return stream.last_seq;
}

absl::StatusOr<bool> ChatMembership::Join(std::string_view channel) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  const std::string name(channel);
  MutexLock move_lock(move_mutex_);
  {
    MutexLock lock(mutex_);
    if (channels_.Contains(name) && !not_live_.contains(name)) return false;
  }
  MW_RETURN_IF_ERROR(options_.await_live(TimePoint::min()));
  MW_ASSIGN_OR_RETURN(const std::uint64_t before, Frontier());
  channels_.Arm(name, before);
  std::vector<std::string> wanted = Without(channels_.List(), name);
  wanted.push_back(name);
  if (absl::Status status = Move(wanted); !status.ok()) {
    const bool known = !OutcomeUnknown(status);
    Settle(name, /*joining=*/true, known);
    if (known) channels_.Disarm(name);
    return status;
  }
  Settle(name, /*joining=*/true, /*known=*/true);
  channels_.Join(name);
  if (const absl::Status noted = NoteJoined(name, before); !noted.ok()) {
    options_.on_error(Annotate(noted, fmt::format("no history of channel \"{}\"", name)));
  }
  return true;
}

absl::StatusOr<bool> ChatMembership::Leave(std::string_view channel) {
  const std::string name(channel);
  MutexLock move_lock(move_mutex_);
  if (!channels_.Contains(name)) return false;
  MW_RETURN_IF_ERROR(options_.await_live(TimePoint::min()));
  const std::vector<std::string> remaining = Without(channels_.List(), name);
  if (remaining.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot leave \"{}\" — it is your only channel (an empty filter would subscribe to all)", name));
  }
  absl::Status status = Move(remaining);
  const bool known = !OutcomeUnknown(status);
  Settle(name, /*joining=*/false, known);
  if (!status.ok()) return status;
  channels_.Leave(name);
  return true;
}

// What was published while the filter moved may lie below what the durable has delivered: it is history too,
// so that is read up to the frontier of now. Asked again on the next connection if this one is lost.
absl::Status ChatMembership::NoteJoined(const std::string& channel, std::uint64_t before) {
  const TimePoint deadline = std::chrono::steady_clock::now() + options_.move_timeout;
  while (true) {
    absl::StatusOr<std::uint64_t> after = Frontier();
    absl::Status status = after.status();
    if (status.ok()) {
      const std::uint64_t until = std::max(before, *after);
      const absl::StatusOr<bool> noted = NoteHistory(channel, until);
      if (noted.ok() && *noted) channels_.Arm(channel, until);
      status = noted.status();
    }
    if (!OutcomeUnknown(status)) return status;
    if (std::chrono::steady_clock::now() >= deadline || !options_.await_live(deadline).ok()) return status;
  }
}

// What the last move leaves behind. A move that went through says the whole filter, so it also settles an
// earlier one whose outcome was not known.
void ChatMembership::Settle(std::string_view channel, bool joining, bool known) {
  std::optional<Unresolved> earlier;
  {
    MutexLock lock(mutex_);
    earlier = std::exchange(unresolved_, std::nullopt);
    if (!known) unresolved_ = Unresolved{.channel = std::string(channel), .joining = joining};
    if (known) not_live_.erase(std::string(channel));
  }
  if (earlier.has_value() && earlier->joining && earlier->channel != channel) {
    channels_.Disarm(earlier->channel);
  }
}

// Saying the same filter twice does no harm, so a move whose answer was lost is said again, on the next
// connection if need be.
absl::Status ChatMembership::Move(const std::vector<std::string>& channels) {
  const TimePoint deadline = std::chrono::steady_clock::now() + options_.move_timeout;
  while (true) {
    absl::Status status = MoveOnce(channels);
    if (!OutcomeUnknown(status)) return status;
    if (std::chrono::steady_clock::now() >= deadline || !options_.await_live(deadline).ok()) {
      return Annotate(status,
                      "whether the channels changed is not known; joined channels will tell once the "
                      "endpoint is bound again");
    }
  }
}

absl::Status ChatMembership::MoveOnce(const std::vector<std::string>& channels) {
  if (options_.auth) return AskToMove(channels);
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, OpenConfig(channels));
  return api_.UpdateConsumer(ChatStream(options_.space), config).status();
}

absl::Status ChatMembership::AskToMove(const std::vector<std::string>& channels) {
  ControlRequest request;
  request.op = "setChannels";
  request.args = {{"channels", channels}};
  request.from = options_.self;
  absl::StatusOr<ControlReply> reply =
      RequestControl(connection_, options_.space, kSelfService, request, options_.request_timeout);
  if (IsNoResponders(reply.status())) {
    return absl::FailedPreconditionError(
        "cannot change channels at runtime: no privileged provisioner (manager) is serving the mesh — this "
        "session is fixed to its boot subscribe set");
  }
  if (!reply.ok()) return reply.status();
  if (reply->ok) return absl::OkStatus();
  return absl::FailedPreconditionError(reply->error.empty() ? "channel change rejected" : reply->error);
}

}  // namespace meshwarden
