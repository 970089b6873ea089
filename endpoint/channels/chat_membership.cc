#include "endpoint/channels/chat_membership.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "endpoint/api/refusal_code.h"
#include "endpoint/delivery/bound_durable.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

std::vector<std::string> Without(std::vector<std::string> channels, std::string_view channel) {
  std::erase(channels, channel);
  return channels;
}

}  // namespace

ChatMembership::ChatMembership(Options options, Connection& connection, JetStreamApi& api,
                               JoinedChannels& channels, SettledFloor& floor)
    : options_(std::move(options)),
      filter_(options_.filter, connection, api),
      api_(api),
      channels_(channels),
      floor_(floor),
      owed_(options_.filter.space, api, channels) {}

// After moves whose outcome was not learnt: the durable tells. One that is being said again is left alone.
void ChatMembership::Resolve(const ConsumerInfo& info) {
  MutexLock lock(mutex_);
  for (auto next = unresolved_.begin(); next != unresolved_.end();) {
    const auto& [channel, unresolved] = *next;
    if (channel == moving_) {
      ++next;
      continue;
    }
    const bool filtered = filter_.Holds(info, channel);
    if (!channels_.Contains(channel)) {
      if (filtered) {
        Admit(channel);
      } else {
        channels_.Disarm(channel);
      }
    } else if (filtered || !options_.filter.auth) {
      owed_.OweMissed(channel, unresolved.settled);
    } else if (!unresolved.joining) {
      channels_.Leave(channel);
      Forget(channel);
    }
    next = unresolved_.erase(next);
  }
}

// The look at which it is held again, or a move that says it, ends a lack: only then is it known up to where
// something was missed.
void ChatMembership::NoteFilter(const ConsumerInfo& info) {
  if (options_.follow) NoteAdded(info);
  for (const std::string& channel : channels_.List()) {
    if (filter_.Holds(info, channel)) {
      NoteHeld(channel);
    } else {
      lacking_.Add(channel, aligned_at_);
    }
  }
  aligned_at_ = std::max(begun_at_, std::min(floor_.seq(), info.ack_floor_stream_seq));
}

void ChatMembership::NoteHeld(const std::string& channel) {
  if (const auto since = lacking_.Remove(channel)) owed_.OweMissed(channel, *since);
}

ChatMembership::Channels ChatMembership::Expected() { return lacking_.WithoutAccepted(channels_.List()); }

// What a launcher has taken out or put in is the launcher's affair; what a late request of ours has is not.
bool ChatMembership::IsOursToMove() { return !options_.filter.auth || filter_.may_move_late(); }

bool ChatMembership::IsAstray(const ConsumerInfo& info) {
  // A move says the whole filter.
  if (!moving_.empty()) return false;
  // What came of them is not to be decided as long as they may still come.
  if (!unresolved_.empty()) return !filter_.may_move_late();
  const Channels expected = Expected();
  if (!expected.empty() && IsOursToMove()) return !filter_.IsExactly(info, expected);
  return !lacking_.AllAccepted();
}

absl::Status ChatMembership::MoveToList(const ConsumerInfo& info) {
  Channels wanted;
  {
    MutexLock lock(mutex_);
    NoteFilter(info);
    wanted = Expected();
    if (filter_.IsExactly(info, wanted)) return absl::OkStatus();
  }
  MW_RETURN_IF_ERROR(Annotate(filter_.Set(wanted).status, "durable " + info.name));
  MutexLock lock(mutex_);
  for (const std::string& channel : wanted) NoteHeld(channel);
  return absl::OkStatus();
}

ChatMembership::Channels ChatMembership::AcceptAtBind(const ConsumerInfo& info) {
  MutexLock lock(mutex_);
  NoteFilter(info);
  Adopt();
  strayed_ = IsOursToMove() && IsAstray(info);
  if (IsOursToMove()) return {};
  // All of them, also those that were told of on an earlier connection.
  lacking_.WithdrawAcceptance();
  // Whoever joins or leaves it learns by that.
  return Without(lacking_.Accept(), moving_);
}

bool ChatMembership::Compare(const ConsumerInfo& info) {
  MutexLock lock(mutex_);
  if (!bound_before_ || !IsStill(info, durable_created_, floor_.deliveries()) || !moving_.empty())
    return false;
  NoteFilter(info);
  strayed_ = IsAstray(info) || (!added_.empty() && MayAdopt()) || filter_problem_ != told_problem_;
  if (!strayed_) told_.clear();
  return strayed_ || !owed_.empty();
}

void ChatMembership::Realign() {
  {
    MutexLock lock(mutex_);
    if (!std::exchange(strayed_, false)) return;
  }
  absl::Status told;
  {
    MutexLock lock(filter_mutex_);
    told = RealignHeld();
  }
  if (!told.ok()) options_.on_error(told);
  TellOfFilter();
}

// What to tell.
absl::Status ChatMembership::RealignHeld() {
  const absl::StatusOr<ConsumerInfo> info = filter_.Look();
  // The next comparison will tell; and a durable that is gone, the session.
  if (!info.ok()) return absl::OkStatus();
  if (!IsStill(*info, durable_created(), floor_.deliveries())) return absl::OkStatus();
  // What may have moved it late has had its time.
  if (!filter_.may_move_late()) Resolve(options_.filter.auth ? *info : ConsumerInfo{});
  {
    MutexLock lock(mutex_);
    NoteFilter(*info);
    Adopt();
    if (!IsAstray(*info)) return absl::OkStatus();
    if (Expected().empty() || !IsOursToMove()) {
      const Channels added = lacking_.Accept();
      return added.empty() ? absl::OkStatus() : NotLive(added);
    }
  }
  if (const absl::Status moved = MoveToList(*info); !moved.ok()) {
    // Lost with the connection: the next one sees to it.
    if (!options_.await_live(TimePoint::min()).ok()) return absl::OkStatus();
    return OnceTold(Annotate(moved, "something else moved the filter, and it stays so for now"));
  }
  return absl::AbortedError(fmt::format(
      "the filter of {} was not that of the joined channels: another endpoint under this id, a launcher, "
      "or a request that arrived late, had moved it. It has been put right, and what was missed follows",
      info->name));
}

// At the first of the looks that find the same.
absl::Status ChatMembership::OnceTold(const absl::Status& status) {
  MutexLock lock(mutex_);
  const bool again = std::exchange(told_, std::string(status.message())) == status.message();
  return again ? absl::OkStatus() : status;
}

absl::Status ChatMembership::NotLive(const Channels& missing) const {
  return absl::FailedPreconditionError(fmt::format(
      "nothing arrives live from {}: not in the filter of {}. Join the channel again, leave it, or have it "
      "provisioned",
      fmt::join(missing, ", "), ChatDurable(options_.filter.self.id)));
}

absl::Status ChatMembership::NoteOwed() {
  // Not to wait for a filter that is being moved.
  if (owed_.empty()) return absl::OkStatus();
  MutexLock lock(filter_mutex_);
  return owed_.Note();
}

absl::StatusOr<bool> ChatMembership::Join(std::string_view channel) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  const TimePoint note_until = std::chrono::steady_clock::now() + options_.move_timeout / 2;
  absl::StatusOr<bool> joined = false;
  {
    MutexLock move_lock(move_mutex_);
    joined = IsThereAlready(std::string(channel));
    if (!*joined) {
      SetMoving(channel);
      joined = JoinHeld(std::string(channel));
      SetMoving("");
    }
  }
  if (!joined.ok() || !*joined) return joined;
  // It stays owed, and is noted with the next.
  if (std::chrono::steady_clock::now() >= note_until) return true;
  if (const absl::Status noted = NoteOwed(); !noted.ok()) options_.on_error(noted);
  return true;
}

// Of a channel that is joined: whether the filter has it, as far as can be told. In auth mode somebody may
// have taken it out since it was looked at last, and "joined already" would not be true.
bool ChatMembership::IsRead(const std::string& channel) {
  if (options_.filter.auth && options_.await_live(TimePoint::min()).ok()) {
    MutexLock filter_lock(filter_mutex_);
    const absl::StatusOr<ConsumerInfo> info = filter_.Look();
    MutexLock lock(mutex_);
    if (info.ok() && IsStill(*info, durable_created_, floor_.deliveries())) NoteFilter(*info);
  }
  MutexLock lock(mutex_);
  return !unresolved_.contains(channel) && !lacking_.Contains(channel);
}

absl::StatusOr<bool> ChatMembership::JoinHeld(const std::string& channel) {
  const bool anew = !channels_.Contains(channel);
  if (!anew && IsRead(channel)) return false;
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
  {
    // An earlier try may have moved the filter, and what has come since then was taken: its watermark holds.
    MutexLock lock(mutex_);
    if (unresolved_.contains(channel)) return absl::OkStatus();
  }
  MW_ASSIGN_OR_RETURN(const std::uint64_t before, owed_.Frontier());
  channels_.Arm(channel, before);
  return absl::OkStatus();
}

absl::StatusOr<bool> ChatMembership::Leave(std::string_view channel) {
  const std::string name(channel);
  MutexLock move_lock(move_mutex_);
  (void)IsThereAlready(name);
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
    const TimePoint begin = std::chrono::steady_clock::now();
    const Outcome outcome = Attempt(change);
    if (outcome.status.ok()) return outcome.status;
    if (outcome.unknown) lost = outcome.status;
    // Another one has its time, if it takes as long.
    const TimePoint now = std::chrono::steady_clock::now();
    if (outcome.unanswered && now + (now - begin) < deadline && options_.await_live(deadline).ok()) {
      continue;
    }
    if (lost.ok()) {
      Disclaim(change);
      return outcome.status;
    }
    NoteUnknown(change, settled);
    return WithRefusalCode(
        Annotate(lost,
                 "whether the channels changed is not known; joined channels will tell once the "
                 "endpoint is bound again, or nothing can be on its way any more"),
        RefusalCodeOf(lost).value_or(""));
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
  const absl::StatusOr<ConsumerInfo> info = filter_.Look();
  // Without knowing what something else took out or added, a move would undo it as if it had never been.
  if (IsUnanswered(info.status()) || HasJsError(info.status(), JsError::kNoLeader)) {
    return {.status = info.status(), .unanswered = true};
  }
  if (info.ok()) {
    MutexLock lock(mutex_);
    NoteFilter(*info);
    // What somebody has added since the last look would be dropped by a move that does not say it.
    Adopt();
  }
  Channels asked = ListAfter(change);
  if (asked.empty()) {
    return {.status = absl::FailedPreconditionError(fmt::format(
                "cannot leave \"{}\" — it is your only channel (an empty filter would subscribe to all)",
                change.channel))};
  }
  Channels held = asked;
  if (info.ok()) {
    // What something else has taken out since the last look comes back by this move.
    MutexLock lock(mutex_);
    held = lacking_.Without(asked, change.channel);
  }
  Outcome outcome = filter_.Set(asked);
  // What was taken out may not be allowed any more, which says nothing against the rest.
  const bool refused = !outcome.status.ok() && !outcome.unknown && options_.filter.auth;
  if (refused && held.size() < asked.size() && !held.empty()) {
    asked = std::move(held);
    outcome = filter_.Set(asked);
  }
  if (outcome.status.ok()) Commit(change, asked);
  return outcome;
}

ChatMembership::Channels ChatMembership::ListAfter(const Change& change) const {
  Channels channels = Without(channels_.List(), change.channel);
  if (change.joining) channels.push_back(change.channel);
  return channels;
}

// A move that went through says the whole filter, so it also settles earlier ones whose outcome was not
// known.
void ChatMembership::Commit(const Change& change, const Channels& asked) {
  MutexLock lock(mutex_);
  for (const auto& [channel, unresolved] : unresolved_) {
    if (lacking_.Contains(channel)) {
      lacking_.Add(channel, unresolved.settled);
    } else if (channels_.Contains(channel)) {
      owed_.OweMissed(channel, unresolved.settled);
    } else if (channel != change.channel) {
      channels_.Disarm(channel);
    }
  }
  unresolved_.clear();
  for (const std::string& channel : asked) NoteHeld(channel);
  if (!change.joining) {
    channels_.Leave(change.channel);
    Forget(change.channel);
  } else if (!channels_.Contains(change.channel)) {
    Admit(change.channel);
  }
}

// It was left.
void ChatMembership::Forget(const std::string& channel) {
  owed_.Drop(channel);
  (void)lacking_.Remove(channel);
}

// Whoever comes back is told again of what there was.
void ChatMembership::Admit(const std::string& channel) {
  owed_.Owe(channel, channels_.Watermark(channel));
  channels_.Join(channel);
}

// It was refused, and unless an earlier attempt may yet move the filter nothing is left of it.
void ChatMembership::Disclaim(const Change& change) {
  MutexLock lock(mutex_);
  if (change.joining && !unresolved_.contains(change.channel)) channels_.Disarm(change.channel);
}

}  // namespace meshwarden
