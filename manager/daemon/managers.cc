#include "manager/daemon/managers.h"

#include <chrono>
#include <functional>
#include <utility>

#include "base/status.h"
#include "proto/control.h"

namespace meshwarden {
namespace {

using std::chrono::milliseconds;

// Longer than it takes to miss a manager that was killed, and to wait until it cannot act any more.
constexpr milliseconds kJoinWithin{5'000};
constexpr milliseconds kLeaveWithin{1'000};
// How often, and for how long each time, the server is asked whether all that is old has come.
constexpr milliseconds kDiscardWithin{1'000};
constexpr int kDiscardTries = 10;

constexpr char kNotSettled[] =
    "the other managers of the space cannot be settled with yet; requests of agents that may be theirs wait";
constexpr char kStoodStill[] =
    "the process stood still; requests that came meanwhile are dropped, since another manager may have "
    "carried out "
    "later ones";
constexpr char kGivenUp[] =
    "the manager that sees to this agent did not take the request in time, so nothing is known to have "
    "changed; ask "
    "whoami, then try again";

}  // namespace

Managers::Managers(const Parts& parts) : parts_(parts), naps_({}) {
  if (parts.secrets.records.empty() || !parts.has_records) return;
  peers_ = std::make_unique<PeerGroup>(PeerGroup::Parts{.responder = parts.responder,
                                                        .api = parts.api,
                                                        .space = parts.space,
                                                        .secrets = parts.secrets,
                                                        .log = parts.log},
                                       PeerGroup::Options{});
}

ServingOrder& Managers::order() {
  if (peers_ == nullptr) return alone_;
  return *peers_;
}

bool Managers::Divert(const std::string& sender, const NatsMessage& request) {
  return !naps_.IsAwake() || (peers_ != nullptr && peers_->PassOn(sender, request));
}

absl::Status Managers::Join(ControlDoor door, PeerGroup::HearLost hear_lost) {
  if (peers_ == nullptr) return absl::OkStatus();
  absl::Status joined =
      peers_->Join({.deliver =
                        [this, door = std::move(door)](const NatsMessage& request, milliseconds age) {
                          if (naps_.IsAwake()) door(request, age);
                        },
                    .give_up = [this](const NatsMessage& request) { GiveUp(request); },
                    .lost = std::move(hear_lost)},
                   kJoinWithin);
  if (!absl::IsDeadlineExceeded(joined)) return joined;
  parts_.log.Write(LogLevel::kWarn, kNotSettled);
  return absl::OkStatus();
}

void Managers::TellLost(const std::string& agent_id, const std::vector<std::string>& channels) {
  if (peers_ != nullptr) peers_->TellLost(agent_id, channels);
}

// Its reply subject is its sender's own: that was seen to before it was passed on.
void Managers::GiveUp(const NatsMessage& request) {
  static_cast<void>(parts_.responder.Publish(
      request.reply, EncodeControlReply(ControlReply::Error("unavailable", kGivenUp))));
}

void Managers::WatchNaps(Subscription& requests) {
  naps_.Start([this, &requests](milliseconds stood_still) { Discard(requests, stood_still); });
}

void Managers::Discard(Subscription& requests, milliseconds stood_still) {
  parts_.log.Write(LogLevel::kWarn, kStoodStill, {{"ms", static_cast<std::int64_t>(stood_still.count())}});
  const auto discard = [](const std::function<absl::Status()>& once) {
    // A connection that is lost meanwhile brings nothing old any more.
    for (int i = 0; i < kDiscardTries && absl::IsDeadlineExceeded(once()); ++i) {
    }
  };
  discard([&requests] { return requests.DiscardReceived(kDiscardWithin); });
  if (peers_ != nullptr) discard([this] { return peers_->DiscardReceived(kDiscardWithin); });
}

void Managers::StepBack() {
  if (peers_ != nullptr) peers_->StepBack(kLeaveWithin);
}

void Managers::Leave() {
  naps_.Stop();
  if (peers_ != nullptr) peers_->Leave(kLeaveWithin);
}

}  // namespace meshwarden
