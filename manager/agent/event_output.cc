#include "manager/agent/event_output.h"

#include <optional>
#include <utility>

#include "manager/agent/encode.h"

namespace meshwarden {

EventOutput::EventOutput(LineWriter& writer, OpenDeliveries& deliveries, Settling settling,
                         std::function<void()> on_output_gone)
    : writer_(writer),
      deliveries_(deliveries),
      settling_(settling),
      on_output_gone_(std::move(on_output_gone)) {}

EndpointHandlers EventOutput::Handlers() {
  return {.on_message = [this](const ReceivedMessage& message) { Tell(message); },
          .on_presence = [this](const PresenceEvent& event) { TellLine(PresenceLine(event)); },
          .on_roster = nullptr,
          .on_error = [this](const absl::Status& status) { TellLine(ErrorEvent(status)); },
          .on_connection = [this](bool connected) { TellLine(ConnectionEvent(connected)); }};
}

void EventOutput::Tell(const ReceivedMessage& message) {
  std::optional<std::string> delivery;
  if (settling_ == Settling::kByDriver) {
    // Before the line is out, since the driver may answer at once.
    delivery = deliveries_.Open(message);
  }
  if (TellLine(MessageEvent(message, delivery)) && !delivery.has_value()) {
    // If the connection is away, the endpoint settles it on the redelivery.
    (void)message.settle.Ack();
  }
}

bool EventOutput::TellLine(std::string line) { return AwaitReady() && WriteLine(std::move(line)); }

bool EventOutput::WriteLine(std::string line) {
  if (writer_.Write(std::move(line)).ok()) return true;
  on_output_gone_();
  return false;
}

void EventOutput::Ready(std::string_view id, std::string_view space) {
  {
    const MutexLock lock(mutex_);
    if (gate_ != Gate::kHeld) return;
  }
  MoveGate(WriteLine(ReadyEvent(id, space)) ? Gate::kOpen : Gate::kClosed);
}

void EventOutput::Close() { MoveGate(Gate::kClosed); }

bool EventOutput::AwaitReady() {
  const MutexLock lock(mutex_);
  while (gate_ == Gate::kHeld) gate_moved_.Wait(mutex_);
  return gate_ == Gate::kOpen;
}

void EventOutput::MoveGate(Gate gate) {
  const MutexLock lock(mutex_);
  if (gate_ != Gate::kHeld) return;
  gate_ = gate;
  gate_moved_.NotifyAll();
}

}  // namespace meshwarden
