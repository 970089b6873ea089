#include "tests/soak/publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

using Clock = std::chrono::steady_clock;

// A chat subject keeps 1000 messages: one that lies further back than this may be gone before the broker
// delivers it again. A room's first message is still owed to those who join late.
constexpr std::uint64_t kMostBacklog = 800;
constexpr std::uint64_t kMostInRoom = 800;
// Parts of a hundred.
constexpr std::size_t kGeneralShare = 55;
constexpr std::size_t kRoomShare = 25;
constexpr std::size_t kDmShare = 12;
// Of the publishes that fail, how many are not tried again.
constexpr std::size_t kGivenUpShare = 30;
constexpr std::chrono::milliseconds kTick{20};
// A server (2.10) that was cut off while it led may call a message a duplicate of one that it never stored
// for as long as it remembers ids. Nobody waits for that: the next message is the sender's next try.
constexpr std::chrono::seconds kLongestTry{10};

}  // namespace

Publisher::Publisher(std::vector<Member*> members, Ledger& ledger, Traffic& traffic, Fault& fault,
                     std::uint64_t seed)
    : ledger_(ledger), traffic_(traffic), fault_(fault), random_(seed) {
  for (Member* member : members) senders_.push_back({.member = member, .refilled = Clock::now()});
  thread_ = std::thread([this] { Run(); });
}

Publisher::~Publisher() { thread_.join(); }

void Publisher::Run() {
  while (!traffic_.stop) {
    bool busy = false;
    for (Sender& sender : senders_) busy |= Turn(sender);
    if (!busy) ledger_.AwaitProgress(Clock::now() + kTick);
  }
  SettlePending();
}

void Publisher::SettlePending() {
  for (bool left = true; left && Clock::now() < traffic_.give_up.load();) {
    left = false;
    for (Sender& sender : senders_) {
      if (sender.pending.has_value() && !Try(sender)) left = true;
    }
    if (left) ledger_.AwaitProgress(Clock::now() + kTick);
  }
  for (Sender& sender : senders_) {
    if (sender.pending.has_value()) ledger_.Unknown(*sender.pending);
  }
}

bool Publisher::Turn(Sender& sender) {
  Refill(sender);
  if (!sender.pending.has_value()) {
    if (sender.allowance < 1) return false;
    const std::optional<Lane> lane = PickLane(sender);
    if (!lane.has_value()) return false;
    sender.pending = ledger_.Begin(*lane);
    sender.begun = Clock::now();
    sender.tried = false;
    sender.allowance -= 1;
  }
  return Try(sender);
}

// Whether the message that is pending was settled.
bool Publisher::Try(Sender& sender) {
  const auto begin = Clock::now();
  const absl::Status status = Send(sender);
  if (traffic_.on_try != nullptr) {
    traffic_.on_try(sender.member->index(), status,
                    std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begin));
  }
  const bool first = !std::exchange(sender.tried, true);
  if (status.ok()) {
    ledger_.Confirmed(*std::exchange(sender.pending, std::nullopt));
    return true;
  }
  if (!IsExplained(status)) {
    fault_.Set(Annotate(status, fmt::format("endpoint {} publishing", sender.member->index())));
  }
  const bool given_up = first ? random_() % 100 < kGivenUpShare : Clock::now() - sender.begun > kLongestTry;
  if (!given_up) return false;
  ledger_.Unknown(*std::exchange(sender.pending, std::nullopt));
  return true;
}

void Publisher::Refill(Sender& sender) const {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - sender.refilled).count();
  sender.allowance = std::min(sender.allowance + seconds * traffic_.rate, traffic_.rate);
  sender.refilled = now;
}

std::optional<Lane> Publisher::PickLane(const Sender& sender) {
  const std::size_t self = sender.member->index();
  const std::size_t drawn = random_() % 100;
  Lane lane{.flow = Flow::kGeneral, .sender = self, .target = 0};
  if (drawn >= kGeneralShare + kRoomShare + kDmShare && self < traffic_.workers_from) {
    lane.flow = Flow::kTask;
  } else if (drawn >= kGeneralShare + kRoomShare) {
    lane.flow = Flow::kDm;
    lane.target = (self + 1 + random_() % (traffic_.endpoints - 1)) % traffic_.endpoints;
  } else if (drawn >= kGeneralShare) {
    lane.flow = Flow::kRoom;
    lane.target = traffic_.epoch;
  }
  if (!MayPublish(lane)) return std::nullopt;
  return lane;
}

bool Publisher::MayPublish(const Lane& lane) {
  if (lane.flow == Flow::kRoom) return ledger_.Begun(lane) < kMostInRoom;
  return ledger_.Backlog(lane) < kMostBacklog;
}

absl::Status Publisher::Send(Sender& sender) {
  const SoakMessage& message = *sender.pending;
  Endpoint& endpoint = sender.member->endpoint();
  Content content;
  content.parts = {Part::Text(fmt::format("{} {:x<150}", message.seq, ""))};
  content.message_id = IdOf(message);
  switch (message.lane.flow) {
    case Flow::kGeneral:
      return endpoint.Multicast(std::move(content), "general").status();
    case Flow::kRoom:
      return endpoint.Multicast(std::move(content), RoomOf(message.lane.target)).status();
    case Flow::kDm:
      return endpoint.Unicast(traffic_.ids.at(message.lane.target), std::move(content)).status();
    case Flow::kTask:
      return endpoint.Anycast("worker", std::move(content)).status();
  }
  return absl::InternalError("no such flow");
}

}  // namespace meshwarden::testing
