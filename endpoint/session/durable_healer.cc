#include "endpoint/session/durable_healer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// While something is missing: between two times of giving back, and of asking. Whoever holds messages up by
// pulls has as many of them as the broker lets wait, and each takes one delivery.
constexpr milliseconds kGiveEvery{1};
constexpr milliseconds kAskEvery{20};
// Without any progress for that long, more slowly: somebody is at it all the time, or another process has
// them in hand. Then not at all. What is still missing the broker delivers again by itself some time, and if
// it goes astray once more that is a new suspicion.
constexpr seconds kPatience{4};
constexpr seconds kLastPatience{60};
constexpr milliseconds kSlowly{1000};
// Most that is given back at a time; the others follow.
constexpr std::size_t kMostAtOnce = 64;
// What was given back and went astray again counts as a delivery that may yet come. After so long the
// broker's heartbeat has told of it, so that it can be counted anew.
constexpr seconds kGiveFor{2};
// Answers to be awaited: then it is seen whether there is one.
constexpr milliseconds kLook{5};
// Of the same durable.
constexpr seconds kReportEvery{10};
constexpr std::string_view kNak = "-NAK";

}  // namespace

DurableHealer::DurableHealer(Options options, Connection& connection, JetStreamApi& api,
                             std::shared_ptr<InHand> in_hand)
    : options_(std::move(options)), connection_(connection), api_(api), in_hand_(std::move(in_hand)) {}

void DurableHealer::Begin(const ConsumerInfo& info) {
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  deliveries_ = info.delivered_consumer_seq;
  stream_seq_ = info.delivered_stream_seq;
  // Nothing is on its way. That something is missing after a connection was lost is no news.
  if (info.num_ack_pending <= in_hand_->CountAbove(info.ack_floor_stream_seq)) return;
  Suspect(now);
  TakeInfo(info, now);
  unreported_ = 0;
}

void DurableHealer::Came(const AckSubject& delivery) {
  {
    MutexLock lock(mutex_);
    const bool next = delivery.consumer_seq == deliveries_ + 1;
    deliveries_ = delivery.consumer_seq;
    stream_seq_ = std::max(stream_seq_, delivery.stream_seq);
    if (next && !(suspected_ && delivery.delivered > 1)) return;
    const TimePoint now = std::chrono::steady_clock::now();
    if (next) {
      progress_at_ = now;
      return;
    }
    if (!Suspect(now)) return;
  }
  options_.wake();
}

void DurableHealer::Told(std::uint64_t deliveries, std::uint64_t stream_seq) {
  {
    MutexLock lock(mutex_);
    const bool known = deliveries <= deliveries_;
    deliveries_ = std::max(deliveries_, deliveries);
    stream_seq_ = std::max(stream_seq_, stream_seq);
    if (known || !Suspect(std::chrono::steady_clock::now())) return;
  }
  options_.wake();
}

bool DurableHealer::Suspect(TimePoint now) {
  suspect_until_ = stream_seq_;
  progress_at_ = now;
  if (suspected_) return false;
  suspected_ = true;
  giving_ = false;
  fewest_ = 0;
  ask_due_ = now;
  return true;
}

DurableHealer::TimePoint DurableHealer::next_due() const {
  MutexLock lock(mutex_);
  if (!suspected_) return TimePoint::max();
  const TimePoint ask = asking_ ? std::chrono::steady_clock::now() + kLook : ask_due_;
  return giving_ ? std::min(ask, give_due_) : ask;
}

void DurableHealer::Check(TimePoint now) {
  bool ask = false;
  std::vector<std::uint64_t> back;
  std::uint64_t deliveries = 0;
  {
    MutexLock lock(mutex_);
    if (!suspected_) return;
    ask = !asking_ && now >= ask_due_;
    asking_ = asking_ || ask;
    if (giving_ && now >= give_due_) back = NextToGiveBack(now);
    deliveries = picture_.deliveries;
  }
  for (const std::uint64_t seq : back) {
    // If it can't be sent the connection is away, and this object with it.
    (void)connection_.Publish(
        fmt::format("$JS.ACK.{}.{}.1.{}.{}.1.0", options_.stream, options_.consumer, seq, deliveries), kNak);
  }
  if (ask) {
    api_.ConsumerInfoAsync(
        options_.stream, options_.consumer,
        [self = shared_from_this()](const absl::StatusOr<ConsumerInfo>& info) { self->Take(info); });
  }
  Report();
}

std::vector<std::uint64_t> DurableHealer::NextToGiveBack(TimePoint now) {
  give_due_ = now + (IsSlow(now) ? kSlowly : kGiveEvery);
  const std::uint64_t after = std::max(picture_.ack_floor, given_up_to_);
  std::vector<std::uint64_t> back = in_hand_->Missing(after, suspect_until_, kMostAtOnce);
  // Round and round.
  given_up_to_ = back.size() < kMostAtOnce ? 0 : back.back();
  return back;
}

bool DurableHealer::IsSlow(TimePoint now) const { return now - progress_at_ > kPatience; }

void DurableHealer::Take(const absl::StatusOr<ConsumerInfo>& info) {
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  asking_ = false;
  if (!suspected_) return;
  if (info.ok()) return TakeInfo(*info, now);
  // Of one that is gone nothing is to be had; that it is gone is somebody else's to find out.
  if (absl::IsNotFound(info.status())) return End();
  ask_due_ = now + kSlowly;
}

void DurableHealer::TakeInfo(const ConsumerInfo& info, TimePoint now) {
  picture_ = {.ack_floor = info.ack_floor_stream_seq, .deliveries = info.delivered_consumer_seq};
  const std::uint64_t in_hand = in_hand_->CountAbove(info.ack_floor_stream_seq);
  const std::uint64_t missing = info.num_ack_pending - std::min(info.num_ack_pending, in_hand);
  // Of the deliveries that were not heard of yet some may be on their way.
  const std::uint64_t coming =
      info.delivered_consumer_seq - std::min(info.delivered_consumer_seq, deliveries_);
  // With much on its way the numbers never meet; but where all is acknowledged nothing is missing.
  const bool settled = info.ack_floor_stream_seq >= suspect_until_;
  if ((missing == 0 && coming == 0) || settled || now - progress_at_ > kLastPatience) return End();
  if (giving_ && now - giving_since_ < kGiveFor && missing > 0) return GoOn(missing, now);
  giving_ = false;
  if (missing > coming) {
    giving_ = true;
    giving_since_ = now;
    give_due_ = now;
    given_up_to_ = 0;
    return GoOn(missing - coming, now);
  }
  // The messages that are coming, or a heartbeat, will tell.
  ask_due_ = now + kAskEvery * 2;
}

void DurableHealer::GoOn(std::uint64_t missing, TimePoint now) {
  if (fewest_ == 0) unreported_ += missing;
  if (fewest_ == 0 || missing < fewest_) {
    fewest_ = missing;
    progress_at_ = now;
  }
  ask_due_ = now + (IsSlow(now) ? kSlowly : kAskEvery);
}

void DurableHealer::End() {
  suspected_ = false;
  giving_ = false;
}

void DurableHealer::Report() {
  std::uint64_t count = 0;
  {
    MutexLock lock(mutex_);
    const TimePoint now = std::chrono::steady_clock::now();
    if (unreported_ == 0 || now - reported_at_ < kReportEvery) return;
    reported_at_ = now;
    count = std::exchange(unreported_, 0);
  }
  options_.on_error(absl::AbortedError(fmt::format(
      "{} messages of the durable {} of {} were delivered and did not come here: somebody else pulls from "
      "it, "
      "or another process runs under this id; they are given back to the broker, which delivers them again",
      count, options_.consumer, options_.stream)));
}

}  // namespace meshwarden
