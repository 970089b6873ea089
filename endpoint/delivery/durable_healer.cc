#include "endpoint/delivery/durable_healer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace meshwarden {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// While something is missing: between two times of giving back, and of asking.
constexpr milliseconds kGiveEvery{1};
constexpr milliseconds kAskEvery{20};
// Pulls that a reader may have waiting itself; what goes beyond is somebody else's.
constexpr std::uint64_t kOwnPulls = 2;
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
  asked_for_more_ = std::exchange(suspect_more_, false);
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
    // Heartbeats come in order with the messages: fewer than came means that they are counted anew.
    const bool known = deliveries == deliveries_;
    deliveries_ = deliveries;
    stream_seq_ = std::max(stream_seq_, stream_seq);
    if (known || !Suspect(std::chrono::steady_clock::now())) return;
  }
  options_.wake();
}

bool DurableHealer::Suspect(TimePoint now) {
  suspect_more_ = true;
  progress_at_ = now;
  in_round_ = false;
  if (suspected_) return false;
  suspected_ = true;
  giving_ = false;
  rounds_ = 0;
  fewest_ = 0;
  ask_due_ = now;
  return true;
}

DurableHealer::TimePoint DurableHealer::next_due() const {
  MutexLock lock(mutex_);
  if (!suspected_) return unreported_ > 0 ? reported_at_ + kReportEvery : TimePoint::max();
  const TimePoint ask = asking_ ? std::chrono::steady_clock::now() + kLook : ask_due_;
  return giving_ ? std::min(ask, give_due_) : ask;
}

void DurableHealer::Check(TimePoint now) {
  bool ask = false;
  std::vector<std::uint64_t> back;
  std::uint64_t deliveries = 0;
  {
    MutexLock lock(mutex_);
    ask = suspected_ && !asking_ && now >= ask_due_;
    if (ask) {
      asking_ = true;
      asked_at_ = now;
      asked_for_more_ = std::exchange(suspect_more_, false);
    }
    if (suspected_ && giving_ && now >= give_due_) back = NextToGiveBack(now);
    deliveries = picture_.deliveries;
  }
  for (const std::uint64_t seq : back) {
    // If it can't be sent the connection is away, and this object with it.
    (void)connection_.PublishSoon(
        fmt::format("$JS.ACK.{}.{}.1.{}.{}.1.0", options_.stream, options_.consumer, seq, deliveries), kNak);
  }
  if (ask) {
    api_.ConsumerInfoAsync(
        options_.stream, options_.consumer,
        [self = shared_from_this()](const absl::StatusOr<ConsumerInfo>& info) { self->Take(info); });
  }
  Report(now);
}

std::vector<std::uint64_t> DurableHealer::NextToGiveBack(TimePoint now) {
  if (!in_round_) BeginRound(now);
  const std::size_t most = std::min<std::size_t>(kMostAtOnce, left_);
  std::vector<std::uint64_t> back = in_hand_->Missing(picture_.ack_floor, next_, most);
  left_ -= back.size();
  in_round_ = back.size() == most && left_ > 0;
  if (in_round_) next_ = back.back() - 1;
  give_due_ = std::max(now + kGiveEvery, in_round_ ? now : round_begun_ + RepeatAfter());
  if (IsSlow(now)) give_due_ = now + kSlowly;
  return back;
}

// What went astray last lies highest. Where pulls of others wait each of them takes a delivery, so it may
// have to be given back as often as there are pulls; then only every second round goes deeper than the first,
// every fourth twice as deep, and so on. Where nobody else pulls, once is enough, and each round goes through
// all.
void DurableHealer::BeginRound(TimePoint now) {
  ++rounds_;
  round_begun_ = now;
  in_round_ = true;
  next_ = suspect_until_;
  const bool crowded = picture_.foreign_pulls > 0;
  left_ = crowded ? kMostAtOnce << std::min(std::countr_zero(rounds_), 40) : suspect_until_;
}

// The same message is not given back again before the first time can have had its effect: a delivery that is
// on its way here counts for the broker as one that can be given back.
std::chrono::steady_clock::duration DurableHealer::RepeatAfter() const {
  if (picture_.foreign_pulls == 0)
    return std::max<std::chrono::steady_clock::duration>(kAskEvery, 2 * round_trip_);
  return round_trip_ / static_cast<std::int64_t>(picture_.foreign_pulls);
}

bool DurableHealer::IsSlow(TimePoint now) const { return now - progress_at_ > kPatience; }

void DurableHealer::Take(const absl::StatusOr<ConsumerInfo>& info) {
  const TimePoint now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  asking_ = false;
  round_trip_ = now - asked_at_;
  if (!suspected_) return;
  if (info.ok()) return TakeInfo(*info, now);
  // Of one that is gone nothing is to be had; that it is gone is somebody else's to find out.
  if (absl::IsNotFound(info.status())) return End();
  suspect_more_ = suspect_more_ || asked_for_more_;
  ask_due_ = now + kSlowly;
}

void DurableHealer::TakeInfo(const ConsumerInfo& info, TimePoint now) {
  picture_ = {.ack_floor = info.ack_floor_stream_seq,
              .deliveries = info.delivered_consumer_seq,
              .foreign_pulls = info.num_waiting - std::min(info.num_waiting, kOwnPulls)};
  if (std::exchange(asked_for_more_, false)) {
    suspect_until_ = std::max(stream_seq_, info.delivered_stream_seq);
  }
  const std::uint64_t in_hand = in_hand_->CountAbove(info.ack_floor_stream_seq);
  const std::uint64_t missing = info.num_ack_pending - std::min(info.num_ack_pending, in_hand);
  // Of the deliveries that were not heard of yet some may be on their way.
  const std::uint64_t coming =
      info.delivered_consumer_seq - std::min(info.delivered_consumer_seq, deliveries_);
  // With much on its way the numbers never meet; but where all is acknowledged nothing is missing.
  const bool settled = info.ack_floor_stream_seq >= suspect_until_;
  const bool healed = (missing == 0 && coming == 0) || settled;
  if (!suspect_more_ && (healed || now - progress_at_ > kLastPatience)) return End();
  if (giving_ && now - giving_since_ < kGiveFor && missing > 0) return GoOn(missing, now);
  giving_ = false;
  if (missing > coming) {
    giving_ = true;
    giving_since_ = now;
    give_due_ = std::max(now, give_due_);
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

void DurableHealer::Report(TimePoint now) {
  std::uint64_t count = 0;
  {
    MutexLock lock(mutex_);
    if (unreported_ == 0 || now - reported_at_ < kReportEvery) return;
    reported_at_ = now;
    count = std::exchange(unreported_, 0);
  }
  options_.on_error(absl::AbortedError(fmt::format(
      "{} messages of the durable {} of {} were delivered and did not come here: somebody else pulls from "
      "it, or another process runs under this id; they are given back to the broker, which delivers them "
      "again",
      count, options_.consumer, options_.stream)));
}

}  // namespace meshwarden
