// The way of a message from a stream to the handler: is it authentic, is it for a channel that is joined, was
// it met before. What passes is handed to the dispatcher; everything else is settled here, by the rules of
// row E10. Thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "endpoint/api/endpoint_events.h"
#include "endpoint/channels/history_reader.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/delivery/ack_subject.h"
#include "endpoint/delivery/dispatcher.h"
#include "endpoint/delivery/in_hand.h"
#include "endpoint/delivery/inbound.h"
#include "endpoint/delivery/pull_loop.h"
#include "endpoint/delivery/seen_messages.h"
#include "endpoint/delivery/settled_floor.h"
#include "endpoint/nats/link/nats_message.h"

namespace meshwarden {

// Publishes acknowledgements, on whatever connection there is.
class AckSender {
 public:
  virtual ~AckSender() = default;
  virtual absl::Status SendAck(std::string_view reply, std::string_view verb) = 0;
};

class Intake : public std::enable_shared_from_this<Intake> {
 public:
  struct Options {
    std::string space;
    std::string own_id;
    std::string own_role;
    std::function<void(ReceivedMessage)> on_message;    // called by the dispatcher
    std::function<void(const absl::Status&)> on_error;  // called at once; must be brief
  };
  // Of the chat and of the direct messages: how far they are settled, and which are in hand.
  struct Floors {
    SettledFloor& chat;
    SettledFloor& dm;
  };
  struct Hands {
    std::shared_ptr<InHand> chat;
    std::shared_ptr<InHand> dm;
  };
  // What is pointed to must outlive this object; `sender` is asked only as long as it lives.
  Intake(Options options, const JoinedChannels& channels, Floors floors, Hands hands, Dispatcher& dispatcher,
         std::weak_ptr<AckSender> sender);

  // A message that a durable delivered live. `loop` is told when it has been handled.
  void TakeLive(Delivery stream, NatsMessage message, const AckSubject& delivery,
                const std::shared_ptr<Backlog>& backlog, const std::weak_ptr<PullLoop>& loop);
  // A message of the chat's history, read for `backfill`. True if it is handed over.
  bool TakeHistorical(const HistoryMessage& stored, const PendingBackfill& backfill);

  // Of a stored message of the chat: it is authentic and somebody else's. Reports what is refused.
  bool IsReadable(const HistoryMessage& stored, MeshMessage& message) const;

 private:
  class Settlement;
  // Where a delivery lies, and how it is answered.
  struct Place {
    Delivery stream;
    std::uint64_t seq;
    std::string reply;
  };
  SettledFloor* FloorOf(Delivery stream) const;
  InHand* HandOf(Delivery stream) const;
  bool Read(const HistoryMessage& stored, MeshMessage& message, std::string& channel) const;
  Inbound Check(Delivery stream, std::string_view subject, std::string_view payload) const;
  // `channel`: of a chat message, as in its subject.
  void HandOver(ReceivedMessage received, std::string channel, std::function<void()> done,
                std::function<void()> dropped);
  void Call(ReceivedMessage received, const std::string& channel);
  void Answer(const Place& place, std::string_view verb) const;
  absl::Status TryAnswer(const Place& place, std::string_view verb) const;
  void Report(std::string_view subject, std::uint64_t seq, std::string_view problem) const;

  const Options options_;
  const JoinedChannels& channels_;
  const Floors floors_;
  const Hands hands_;
  Dispatcher& dispatcher_;
  const std::weak_ptr<AckSender> sender_;
  SeenMessages seen_;
};

}  // namespace meshwarden
