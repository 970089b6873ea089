#include "endpoint/session/intake.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

constexpr std::string_view kAck = "+ACK";
constexpr std::string_view kNak = "-NAK";
constexpr std::string_view kTerminate = "+TERM";

absl::Status Gone() { return absl::FailedPreconditionError("the endpoint is no more"); }

}  // namespace

// One delivery, for whoever handles it.
class Intake::Settlement final : public AckHandle::Target {
 public:
  Settlement(std::weak_ptr<Intake> intake, std::string sender, std::string id, Place place)
      : intake_(std::move(intake)),
        sender_(std::move(sender)),
        id_(std::move(id)),
        place_(std::move(place)) {}

  absl::Status Ack() override {
    const std::shared_ptr<Intake> intake = intake_.lock();
    if (intake == nullptr) return Gone();
    intake->seen_.Settled(sender_, id_);
    return intake->TryAnswer(place_, kAck);
  }

  absl::Status Nak() override {
    const std::shared_ptr<Intake> intake = intake_.lock();
    return intake == nullptr ? Gone() : intake->TryAnswer(place_, kNak);
  }

 private:
  const std::weak_ptr<Intake> intake_;
  const std::string sender_;
  const std::string id_;
  const Place place_;
};

Intake::Intake(Options options, const JoinedChannels& channels, Floors floors, Hands hands,
               Dispatcher& dispatcher, std::weak_ptr<AckSender> sender)
    : options_(std::move(options)),
      channels_(channels),
      floors_(floors),
      hands_(std::move(hands)),
      dispatcher_(dispatcher),
      sender_(std::move(sender)) {}

Inbound Intake::Check(Delivery stream, std::string_view subject, std::string_view payload) const {
  return Examine(
      {.space = options_.space, .own_id = options_.own_id, .stream = stream, .own_role = options_.own_role},
      subject, payload);
}

// None for tasks: another instance of the role may owe what lies below.
SettledFloor* Intake::FloorOf(Delivery stream) const {
  switch (stream) {
    case Delivery::kChannel:
      return &floors_.chat;
    case Delivery::kDm:
      return &floors_.dm;
    case Delivery::kAnycast:
      break;
  }
  return nullptr;
}

// As with the floor.
InHand* Intake::HandOf(Delivery stream) const {
  switch (stream) {
    case Delivery::kChannel:
      return hands_.chat.get();
    case Delivery::kDm:
      return hands_.dm.get();
    case Delivery::kAnycast:
      break;
  }
  return nullptr;
}

void Intake::TakeLive(Delivery stream, NatsMessage message, const AckSubject& delivery,
                      const std::shared_ptr<Backlog>& backlog, const std::weak_ptr<PullLoop>& loop) {
  Place place{.stream = stream, .seq = delivery.stream_seq, .reply = std::move(message.reply)};
  InHand* const hand = HandOf(stream);
  if (hand != nullptr && !hand->Take(delivery.stream_seq, std::chrono::steady_clock::now())) return;
  if (SettledFloor* const floor = FloorOf(stream)) {
    if (floor->Covers(delivery.stream_seq, delivery.time)) return Answer(place, kAck);
    floor->Saw(delivery.stream_seq, delivery.time, delivery.consumer_seq);
  }
  Inbound inbound = Check(stream, message.subject, message.payload);
  if (inbound.verdict == Inbound::Verdict::kRefused) {
    Answer(place, kTerminate);
    return Report(message.subject, delivery.stream_seq, inbound.problem);
  }
  const bool unwanted =
      inbound.verdict == Inbound::Verdict::kOwnEcho ||
      (stream == Delivery::kChannel &&
       channels_.Judge(inbound.channel, delivery.stream_seq) != JoinedChannels::Live::kDeliver);
  if (unwanted) return Answer(place, kAck);
  const std::string sender = inbound.message.from.id;
  const std::string id = inbound.message.id;
  const auto verdict = seen_.Admit(sender, id, {.stream = stream, .seq = delivery.stream_seq});
  if (verdict == SeenMessages::Verdict::kHeld) return;
  if (verdict == SeenMessages::Verdict::kSettled || verdict == SeenMessages::Verdict::kCopy) {
    return Answer(place, kAck);
  }
  ReceivedMessage received{
      .message = std::move(inbound.message),
      .kind = stream,
      .historical = false,
      .seq = delivery.stream_seq,
      .settle = AckHandle(std::make_shared<Settlement>(weak_from_this(), sender, id, place))};
  backlog->Add();
  const auto done = [backlog, loop] {
    backlog->Remove();
    if (const auto running = loop.lock()) running->Refill();
  };
  // Somebody else, or a later process, gets it at once; not this one again.
  const auto dropped = [self = shared_from_this(), place = std::move(place), backlog, loop] {
    if (const auto running = loop.lock()) running->EndPulling();
    self->Answer(place, kNak);
    backlog->Remove();
  };
  HandOver(std::move(received), std::move(inbound.channel), done, dropped);
}

bool Intake::TakeHistorical(const HistoryMessage& stored, const PendingBackfill& backfill) {
  ReceivedMessage received{
      .message = {}, .kind = Delivery::kChannel, .historical = true, .seq = stored.seq, .settle = {}};
  std::string channel;
  if (!Read(stored, received.message, channel)) return false;
  const auto verdict = seen_.Admit(received.message.from.id, received.message.id,
                                   {.stream = Delivery::kChannel, .seq = stored.seq});
  // In an earlier stay, but not by another channel that is joined still.
  const bool afresh =
      stored.seq <= backfill.afresh_until && !channels_.IsJoinedBesides(channel, backfill.channel);
  const bool met = verdict == SeenMessages::Verdict::kAgain || verdict == SeenMessages::Verdict::kSettled;
  if (verdict != SeenMessages::Verdict::kNew && !(met && afresh)) {
    // It was handed over live and is the handler's to settle.
    if (verdict == SeenMessages::Verdict::kAgain) {
      seen_.HandedOver(received.message.from.id, received.message.id);
    }
    return false;
  }
  HandOver(std::move(received), std::move(channel), nullptr, nullptr);
  return true;
}

bool Intake::IsReadable(const HistoryMessage& stored, MeshMessage& message) const {
  std::string channel;
  return Read(stored, message, channel);
}

bool Intake::Read(const HistoryMessage& stored, MeshMessage& message, std::string& channel) const {
  Inbound inbound = Check(Delivery::kChannel, stored.subject, stored.payload);
  if (inbound.verdict == Inbound::Verdict::kRefused) Report(stored.subject, stored.seq, inbound.problem);
  if (inbound.verdict != Inbound::Verdict::kAuthentic) return false;
  message = std::move(inbound.message);
  channel = std::move(inbound.channel);
  return true;
}

void Intake::HandOver(ReceivedMessage received, std::string channel, std::function<void()> done,
                      std::function<void()> dropped) {
  const auto kept = std::make_shared<ReceivedMessage>(std::move(received));
  dispatcher_.Post(
      [self = shared_from_this(), kept, channel = std::move(channel), done = std::move(done)] {
        self->Call(std::move(*kept), channel);
        if (done != nullptr) done();
      },
      [self = shared_from_this(), kept, dropped = std::move(dropped)] {
        self->seen_.Forget(kept->message.from.id, kept->message.id);
        if (dropped != nullptr) dropped();
      });
}

void Intake::Call(ReceivedMessage received, const std::string& channel) {
  const std::string sender = received.message.from.id;
  const std::string id = received.message.id;
  if (received.kind == Delivery::kChannel &&
      channels_.Judge(channel, received.seq) == JoinedChannels::Live::kNotJoined) {
    // The channel was left while the message waited. Whoever joins it again finds the message in the history.
    seen_.Forget(sender, id);
    (void)received.settle.Ack();
    return;
  }
  seen_.HandedOver(sender, id);
  // There is nothing to settle about history.
  if (received.historical) seen_.Settled(sender, id);
  if (options_.on_message != nullptr) options_.on_message(std::move(received));
}

// One that can't be sent is answered when the message comes again.
void Intake::Answer(const Place& place, std::string_view verb) const { (void)TryAnswer(place, verb); }

absl::Status Intake::TryAnswer(const Place& place, std::string_view verb) const {
  const std::shared_ptr<AckSender> sender = sender_.lock();
  absl::Status status = sender == nullptr ? Gone() : sender->SendAck(place.reply, verb);
  // Not before it was sent: what is given back on the same connection later does nothing then.
  if (InHand* const hand = HandOf(place.stream)) hand->Drop(place.seq);
  return status;
}

void Intake::Report(std::string_view subject, std::uint64_t seq, std::string_view problem) const {
  options_.on_error(absl::InvalidArgumentError(
      fmt::format("a message was refused, on {} at sequence {}: {}", subject, seq, problem)));
}

}  // namespace meshwarden
