// Binding the durable: at the first time, again, and when another is in its place. See chat_membership.h.
#include <algorithm>
#include <utility>

#include "base/status.h"
#include "endpoint/channels/chat_membership.h"
#include "endpoint/channels/first_meeting.h"
#include "endpoint/delivery/bound_durable.h"
#include "proto/names.h"

namespace meshwarden {

absl::Status ChatMembership::Bind() {
  absl::StatusOr<Channels> not_live = Channels{};
  {
    MutexLock lock(filter_mutex_);
    not_live = BindHeld();
  }
  if (not_live.ok() && !not_live->empty()) options_.on_error(NotLive(*not_live));
  if (not_live.ok()) TellOfFilter();
  return not_live.status();
}

absl::StatusOr<ChatMembership::Channels> ChatMembership::BindHeld() {
  // In open mode the filter follows the list here: what is not in it was not joined.
  if (!options_.filter.auth) Resolve({});
  if (IsIdle()) return Channels{};
  MW_ASSIGN_OR_RETURN(const ConsumerInfo info, BindDurable(channels_.List()));
  Channels not_live;
  if (options_.filter.auth) {
    Resolve(info);
    not_live = AcceptAtBind(info);
  } else {
    MW_RETURN_IF_ERROR(MoveToList(info));
  }
  {
    MutexLock lock(mutex_);
    bound_before_ = true;
  }
  // What can't be noted stays owed.
  (void)owed_.Note();
  return not_live;
}

bool ChatMembership::IsIdle() {
  if (options_.follow) return false;
  MutexLock lock(mutex_);
  // In auth mode the durable may tell of a first channel.
  return channels_.List().empty() && (!options_.filter.auth || unresolved_.empty());
}

absl::StatusOr<ConsumerInfo> ChatMembership::BindDurable(const Channels& channels) {
  MW_ASSIGN_OR_RETURN(Durable durable, filter_.LookOrMake(channels));
  // After the durable is there, so that nothing lies between the history and what it delivers.
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(ChatStream(options_.filter.space)));
  bool first = false;
  {
    MutexLock lock(mutex_);
    const bool anew = !stream_created_.empty() && stream_created_ != stream.created;
    if (anew) BeginAnew();
    first = anew || !bound_before_;
    stream_created_ = stream.created;
    if (first && options_.follow) JoinWhatIsRead(durable.info);
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
  aligned_at_ = 0;
  lacking_.ForgetPositions();
  for (auto& [channel, since] : added_) since = 0;
  for (auto& [channel, unresolved] : unresolved_) unresolved.settled = 0;
  owed_.ForgetPositions();
}

// This process meets the durable for the first time. If nothing of it was ever settled, all the history is
// owed; the live stream is opened only after that has been handed over, so a crash before then owes it again.
absl::Status ChatMembership::BindFirst(const Durable& durable, std::uint64_t frontier) {
  const FirstMeeting meeting = Meet(durable.info);
  for (const std::string& channel : channels_.List()) {
    const bool resumed = !meeting.untouched && filter_.Holds(durable.info, channel);
    if (resumed && !meeting.unsettled) continue;
    if (!resumed) channels_.Arm(channel, frontier);
    // Where it isn't known when the durable was made, what comes a second time is dropped.
    const std::uint64_t before = resumed ? meeting.made : 0;
    absl::Status noted = owed_.NoteNow(channel, {.frontier = frontier, .before = before});
    // A record that can't be read is no reason not to start: the history stays owed until it can.
    if (!noted.ok() && !absl::IsInvalidArgument(noted)) return noted;
    if (!noted.ok()) owed_.Owe(channel, 0);
  }
  MutexLock lock(mutex_);
  begun_at_ = meeting.untouched ? frontier : meeting.settled;
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
  return !IsStill(durable.info, durable_created_, floor_.deliveries()) &&
         (deliveries == 0 || deliveries < floor_.deliveries());
}

std::uint64_t ChatMembership::SettledUpTo() { return std::max(begun_at_, floor_.seq()); }

// What the durable settles says nothing of a channel that was kept out of its filter meanwhile.
std::uint64_t ChatMembership::MissedAfter(const std::string& channel) {
  std::uint64_t after = owed_.MissedAfter(channel, SettledUpTo());
  after = lacking_.MissedAfter(channel, after);
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

}  // namespace meshwarden
