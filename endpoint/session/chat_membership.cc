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

// Nothing was heard. An error that the broker itself answers with is heard, also that it is unavailable.
bool IsUnanswered(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return true;
  return absl::IsUnavailable(status) && !IsNoResponders(status) && !JsErrorCode(status).has_value();
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
  absl::StatusOr<Channels> not_live = Channels{};
  {
    MutexLock lock(filter_mutex_);
    not_live = BindHeld();
  }
  if (not_live.ok() && !not_live->empty()) ReportNotLive(*not_live);
  return not_live.status();
}

absl::StatusOr<ChatMembership::Channels> ChatMembership::BindHeld() {
  // In open mode the filter follows the list here: what is not in it was not joined.
  if (!options_.auth) Resolve({});
  if (IsIdle()) return Channels{};
  MW_ASSIGN_OR_RETURN(const ConsumerInfo info, BindDurable(channels_.List()));
  Channels not_live;
  if (options_.auth) {
    Resolve(info);
    not_live = FindNotLive(info);
  } else {
    MW_RETURN_IF_ERROR(Reconcile(info));
  }
  {
    MutexLock lock(mutex_);
    bound_before_ = true;
  }
  // What can't be noted stays owed.
  (void)NoteOwedHeld();
  return not_live;
}

bool ChatMembership::IsIdle() {
  MutexLock lock(mutex_);
  // In auth mode the durable may tell of a first channel.
  return channels_.List().empty() && (!options_.auth || unresolved_.empty());
}

absl::StatusOr<ConsumerInfo> ChatMembership::BindDurable(const Channels& channels) {
  MW_ASSIGN_OR_RETURN(Durable durable, FindDurable(channels));
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
  if (first) {
    MW_RETURN_IF_ERROR(BindFirst(durable, stream.last_seq));
  } else {
    BindAgain(durable, stream.last_seq);
  }
  // Only now: of one that was made anew everything before its time counts as acknowledged.
  floor_.Raise(durable.info.delivered_consumer_seq, durable.info.ack_floor_stream_seq);
  MutexLock lock(mutex_);
  durable_created_ = durable.info.created;
  return std::move(durable.info);
}

// The stream was made anew.
void ChatMembership::BeginAnew() {
  channels_.ForgetPositions();
  floor_.Forget();
  begun_at_ = 0;
  for (auto& [channel, unresolved] : unresolved_) unresolved.settled = 0;
  for (auto& [channel, afresh_until] : owed_) afresh_until = 0;
  for (auto& [channel, settled] : lapsed_) settled = 0;
}

absl::StatusOr<ChatMembership::Durable> ChatMembership::FindDurable(const Channels& channels) {
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
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, OpenConfig(channels));
  MW_ASSIGN_OR_RETURN(ConsumerInfo made, api_.CreateConsumer(stream, config));
  return Durable{.info = std::move(made), .made = true};
}

absl::StatusOr<ConsumerConfig> ChatMembership::OpenConfig(const Channels& channels) const {
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
    absl::Status noted = NoteHistory(channel, frontier, 0);
    // A record that can't be read is no reason not to start: the history stays owed until it can.
    if (!noted.ok() && !absl::IsInvalidArgument(noted)) return noted;
    MutexLock lock(mutex_);
    if (!noted.ok()) owed_.emplace(channel, 0);
  }
  MutexLock lock(mutex_);
  begun_at_ = untouched ? frontier : durable.info.ack_floor_stream_seq;
  return absl::OkStatus();
}

void ChatMembership::NoteLost() {
  MutexLock lock(mutex_);
  lost_ = true;
}

// Some brokers (2.10) forget when a durable was made once its filter has moved, and call the time of their
// own start that. So another time tells something only together with fewer deliveries than have come.
bool ChatMembership::IsAnother(const Durable& durable) {
  if (durable.made || lost_) return true;
  const std::uint64_t deliveries = durable.info.delivered_consumer_seq;
  return durable.info.created != durable_created_ && (deliveries == 0 || deliveries < floor_.deliveries());
}

std::uint64_t ChatMembership::SettledUpTo() { return std::max(begun_at_, floor_.seq()); }

// What the durable settles says nothing of a channel that was kept out of its filter meanwhile.
std::uint64_t ChatMembership::MissedAfter(const std::string& channel) {
  std::uint64_t after = SettledUpTo();
  const auto lapsed = lapsed_.find(channel);
  if (lapsed != lapsed_.end()) after = std::min(after, lapsed->second);
  const auto left = unresolved_.find(channel);
  if (left != unresolved_.end() && !left->second.joining) after = std::min(after, left->second.settled);
  return after;
}

void ChatMembership::BindAgain(const Durable& durable, std::uint64_t frontier) {
  MutexLock lock(mutex_);
  // Made anew, here or by a launcher, it begins behind what is in the stream. What the old one would have
  // delivered is read from the history, whatever the replay policy says to newcomers. (One whose state a
  // broker lost delivers everything again, and what is settled is dropped.)
  if (!IsAnother(durable)) return;
  for (const std::string& channel : channels_.List()) channels_.Owe(channel, MissedAfter(channel), frontier);
  begun_at_ = frontier;
  floor_.CountAnew();
  lost_ = false;
}

std::string ChatMembership::durable_created() {
  MutexLock lock(mutex_);
  return durable_created_;
}

// Open mode only: the durable's filter follows the configuration.
absl::Status ChatMembership::Reconcile(const ConsumerInfo& info) {
  const Channels wanted = channels_.List();
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, OpenConfig(wanted));
  if (Sorted(info.config.Filters()) == Sorted(config.Filters())) return absl::OkStatus();
  return Annotate(SetFilter(wanted).status, "durable " + info.name);
}

// After moves whose outcome was not learnt: the durable tells. One that is being said again is left alone.
void ChatMembership::Resolve(const ConsumerInfo& info) {
  MutexLock lock(mutex_);
  for (auto next = unresolved_.begin(); next != unresolved_.end();) {
    const auto& [channel, unresolved] = *next;
    const bool joining = unresolved.joining;
    if (channel == moving_) {
      ++next;
      continue;
    }
    const bool filtered = IsFiltered(info, channel);
    if (joining && filtered) {
      if (channels_.Contains(channel)) lapsed_.emplace(channel, unresolved.settled);
      OweHistory(channel);
      channels_.Join(channel);
    } else if (joining) {
      channels_.Disarm(channel);
    } else if (options_.auth && !filtered) {
      channels_.Leave(channel);
      owed_.erase(channel);
    } else if (!options_.auth) {
      lapsed_.emplace(channel, unresolved.settled);
    }
    next = unresolved_.erase(next);
  }
}

bool ChatMembership::IsFiltered(const ConsumerInfo& info, std::string_view channel) const {
  const absl::StatusOr<std::string> subject = ChatSubject(options_.space, "*", channel);
  if (!subject.ok()) return false;
  const std::vector<std::string> filters = info.config.Filters();
  return std::any_of(filters.begin(), filters.end(),
                     [&](const std::string& filter) { return PatternCovers(filter, *subject); });
}

ChatMembership::Channels ChatMembership::FindNotLive(const ConsumerInfo& info) {
  MutexLock lock(mutex_);
  Channels missing;
  for (const std::string& channel : channels_.List()) {
    if (!IsFiltered(info, channel)) missing.push_back(channel);
  }
  not_live_.insert(missing.begin(), missing.end());
  // Whoever joins or leaves it learns by that.
  return Without(std::move(missing), moving_);
}

void ChatMembership::ReportNotLive(const Channels& missing) const {
  options_.on_error(absl::FailedPreconditionError(fmt::format(
      "nothing arrives live from {}: not in the filter of {}. Join the channel, or have it provisioned",
      fmt::join(missing, ", "), ChatDurable(options_.self.id))));
}

// The policy is read fresh: a newcomer must not hear what has just been closed.
absl::Status ChatMembership::NoteHistory(const std::string& channel, std::uint64_t frontier,
                                         std::uint64_t afresh_until) {
  if (frontier == 0) return absl::OkStatus();
  std::optional<ChannelConfig> config;
  // A pattern has no record of its own.
  if (IsConcreteChannel(channel)) {
    MW_ASSIGN_OR_RETURN(config, ReadChannelConfig(api_, options_.space, channel));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<ChannelDefaults> defaults,
                      ReadChannelDefaults(api_, options_.space));
  const ChannelConfig own = config.value_or(ChannelConfig{});
  const ChannelDefaults general = defaults.value_or(ChannelDefaults{});
  if (!EffectiveReplay(own, general)) return absl::OkStatus();
  PendingBackfill backfill;
  backfill.channel = channel;
  backfill.until = frontier;
  backfill.afresh_until = afresh_until;
  if (const auto window = EffectiveReplayWindow(own, general)) {
    const auto now = std::chrono::system_clock::now();
    // A window beyond the clock's beginning is no bound.
    if (*window < std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch()) {
      backfill.since = now - *window;
    }
  }
  channels_.AddBackfill(std::move(backfill));
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> ChatMembership::Frontier() {
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(ChatStream(options_.space)));
  return stream.last_seq;
}

absl::Status ChatMembership::NoteOwed() {
  {
    // Not to wait for a filter that is being moved.
    MutexLock lock(mutex_);
    if (owed_.empty() && lapsed_.empty()) return absl::OkStatus();
  }
  MutexLock lock(filter_mutex_);
  return NoteOwedHeld();
}

// What was published while the filter moved may lie below what the durable has delivered, or come live: the
// history is read up to the frontier of now, and what is met twice is handed over once.
absl::Status ChatMembership::NoteOwedHeld() {
  std::map<std::string, std::uint64_t, std::less<>> owed;
  {
    MutexLock lock(mutex_);
    if (owed_.empty() && lapsed_.empty()) return absl::OkStatus();
    owed = owed_;
  }
  MW_ASSIGN_OR_RETURN(const std::uint64_t frontier, Frontier());
  {
    MutexLock lock(mutex_);
    const auto lapsed = std::exchange(lapsed_, {});
    for (const auto& [channel, settled] : lapsed) channels_.Owe(channel, settled, frontier);
  }
  absl::Status first_error;
  for (const auto& [channel, afresh_until] : owed) {
    const absl::Status noted = NoteHistory(channel, frontier, afresh_until);
    if (!noted.ok()) {
      const std::string context = fmt::format("the history of channel \"{}\" has to wait", channel);
      if (first_error.ok()) first_error = Annotate(noted, context);
      continue;
    }
    MutexLock lock(mutex_);
    owed_.erase(channel);
  }
  return first_error;
}

absl::StatusOr<bool> ChatMembership::Join(std::string_view channel) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  absl::StatusOr<bool> joined = false;
  {
    MutexLock move_lock(move_mutex_);
    SetMoving(channel);
    joined = JoinHeld(std::string(channel));
    SetMoving("");
  }
  if (!joined.ok() || !*joined) return joined;
  if (const absl::Status noted = NoteOwed(); !noted.ok()) options_.on_error(noted);
  return true;
}

absl::StatusOr<bool> ChatMembership::JoinHeld(const std::string& channel) {
  bool anew = false;
  {
    MutexLock lock(mutex_);
    anew = !channels_.Contains(channel) || not_live_.contains(channel);
    if (!anew && !unresolved_.contains(channel)) return false;
  }
  MW_RETURN_IF_ERROR(options_.await_live(TimePoint::min()));
  if (anew) MW_RETURN_IF_ERROR(PrepareJoin(channel));
  MW_RETURN_IF_ERROR(Move({.channel = channel, .joining = true}));
  return true;
}

absl::Status ChatMembership::PrepareJoin(const std::string& channel) {
  MutexLock filter_lock(filter_mutex_);
  // The first of all; binds have had no durable to look after.
  if (channels_.List().empty()) {
    MW_RETURN_IF_ERROR(BindDurable({channel}).status());
    MutexLock lock(mutex_);
    bound_before_ = true;
  }
  MW_ASSIGN_OR_RETURN(const std::uint64_t before, Frontier());
  channels_.Arm(channel, before);
  return absl::OkStatus();
}

absl::StatusOr<bool> ChatMembership::Leave(std::string_view channel) {
  const std::string name(channel);
  MutexLock move_lock(move_mutex_);
  {
    MutexLock lock(mutex_);
    if (!channels_.Contains(name) && !unresolved_.contains(name)) return false;
  }
  MW_RETURN_IF_ERROR(options_.await_live(TimePoint::min()));
  SetMoving(name);
  const absl::Status status = Move({.channel = name, .joining = false});
  SetMoving("");
  if (!status.ok()) return status;
  return true;
}

void ChatMembership::SetMoving(std::string_view channel) {
  MutexLock lock(mutex_);
  moving_ = channel;
}

// Saying the same filter twice does no harm, so a move whose answer was lost is said again, on the next
// connection if need be. Once it may have happened, no refusal of another attempt takes that back.
absl::Status ChatMembership::Move(const Change& change) {
  const TimePoint deadline = std::chrono::steady_clock::now() + options_.move_timeout;
  std::uint64_t settled = 0;
  {
    MutexLock lock(mutex_);
    settled = SettledUpTo();
  }
  absl::Status lost;  // of the last attempt that may have moved the filter
  while (true) {
    const Outcome outcome = Attempt(change);
    if (outcome.status.ok()) return outcome.status;
    if (outcome.unknown) lost = outcome.status;
    if (lost.ok()) {
      Disclaim(change);
      return outcome.status;
    }
    if (outcome.unanswered && std::chrono::steady_clock::now() < deadline &&
        options_.await_live(deadline).ok()) {
      continue;
    }
    NoteUnknown(change, settled);
    return Annotate(lost,
                    "whether the channels changed is not known; joined channels will tell once the "
                    "endpoint is bound again");
  }
}

void ChatMembership::NoteUnknown(const Change& change, std::uint64_t settled) {
  MutexLock lock(mutex_);
  const auto found = unresolved_.find(change.channel);
  // After an unclear leave it may have been out of the filter since then.
  const bool left = found != unresolved_.end() && !found->second.joining;
  if (left) settled = std::min(settled, found->second.settled);
  unresolved_.insert_or_assign(change.channel, Unresolved{.joining = change.joining, .settled = settled});
}

// With the list as it is now: a bind since the last attempt may have found out about other channels.
ChatMembership::Outcome ChatMembership::Attempt(const Change& change) {
  MutexLock filter_lock(filter_mutex_);
  const Channels wanted = ListAfter(change);
  if (wanted.empty()) {
    return {.status = absl::FailedPreconditionError(fmt::format(
                "cannot leave \"{}\" — it is your only channel (an empty filter would subscribe to all)",
                change.channel))};
  }
  Outcome outcome = SetFilter(wanted);
  if (outcome.status.ok()) Commit(change);
  return outcome;
}

ChatMembership::Channels ChatMembership::ListAfter(const Change& change) const {
  Channels channels = Without(channels_.List(), change.channel);
  if (change.joining) channels.push_back(change.channel);
  return channels;
}

// A move that went through says the whole filter, so it also settles earlier ones whose outcome was not
// known.
void ChatMembership::Commit(const Change& change) {
  MutexLock lock(mutex_);
  for (const auto& [channel, unresolved] : unresolved_) {
    if (channels_.Contains(channel)) {
      lapsed_.emplace(channel, unresolved.settled);
    } else if (channel != change.channel) {
      channels_.Disarm(channel);
    }
  }
  unresolved_.clear();
  not_live_.erase(change.channel);
  if (change.joining) {
    OweHistory(change.channel);
    channels_.Join(change.channel);
  } else {
    channels_.Leave(change.channel);
    owed_.erase(change.channel);
    lapsed_.erase(change.channel);
  }
}

// Before it is joined. Whoever comes back is told again of what there was; whoever never left is not.
void ChatMembership::OweHistory(const std::string& channel) {
  owed_.emplace(channel, channels_.Contains(channel) ? 0 : channels_.Watermark(channel));
}

// It was refused, and unless an earlier attempt may yet move the filter nothing is left of it.
void ChatMembership::Disclaim(const Change& change) {
  MutexLock lock(mutex_);
  if (change.joining && !unresolved_.contains(change.channel)) channels_.Disarm(change.channel);
}

ChatMembership::Outcome ChatMembership::SetFilter(const Channels& channels) {
  Outcome outcome = options_.auth ? AskToMove(channels) : UpdateOwn(channels);
  // There is an answer, but it does not tell: the durable does.
  if (outcome.unknown && !outcome.unanswered && HasFilterOf(channels)) return {};
  return outcome;
}

bool ChatMembership::HasFilterOf(const Channels& channels) {
  const auto config = ChatDurableConfig(options_.space, options_.self.id, channels);
  const auto info = api_.GetConsumer(ChatStream(options_.space), ChatDurable(options_.self.id));
  return config.ok() && info.ok() && Sorted(config->Filters()) == Sorted(info->config.Filters());
}

ChatMembership::Outcome ChatMembership::UpdateOwn(const Channels& channels) {
  const absl::StatusOr<ConsumerConfig> config = OpenConfig(channels);
  if (!config.ok()) return {.status = config.status()};
  absl::Status status = api_.UpdateConsumer(ChatStream(options_.space), *config).status();
  const bool unanswered = IsUnanswered(status);
  // Just restarted, a broker carries the first update out and answers with the filters of before (Internal).
  const bool unclear = absl::IsInternal(status) || (absl::IsUnavailable(status) && !IsNoResponders(status));
  return {.status = std::move(status), .unknown = unanswered || unclear, .unanswered = unanswered};
}

ChatMembership::Outcome ChatMembership::AskToMove(const Channels& channels) {
  ControlRequest request;
  request.op = "setChannels";
  request.args = {{"channels", channels}};
  request.from = options_.self;
  absl::StatusOr<ControlReply> reply =
      RequestControl(connection_, options_.space, kSelfService, request, options_.request_timeout);
  if (IsNoResponders(reply.status())) {
    return {.status = absl::FailedPreconditionError("cannot change channels at runtime: no privileged "
                                                    "provisioner (manager) is serving the mesh — this "
                                                    "session is fixed to its boot subscribe set")};
  }
  if (!reply.ok()) {
    const bool unanswered = IsUnanswered(reply.status());
    const bool unreadable = absl::IsInvalidArgument(reply.status());
    return {.status = reply.status(), .unknown = unanswered || unreadable, .unanswered = unanswered};
  }
  if (reply->ok) return {};
  const std::string reason = reply->error.empty() ? "channel change rejected" : reply->error;
  if (reply->code == "unavailable" || reply->code == "internal") {
    return {.status = absl::UnavailableError(reason), .unknown = true};
  }
  return {.status = absl::FailedPreconditionError(reason)};
}

}  // namespace meshwarden
