// Writes what an endpoint tells out to the driver, as it comes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "endpoint/api/endpoint_events.h"
#include "manager/agent/line_writer.h"
#include "manager/agent/open_deliveries.h"

namespace meshwarden {

// Thread-safe.
class EventOutput {
 public:
  enum class Settling {
    kOnceWritten,  // a message is acknowledged when its line has been written out
    kByDriver,     // when the driver says so
  };

  // All must outlive the endpoint that has the handlers. `on_output_gone` is called on the endpoint's thread
  // whenever an event cannot be written, and must return at once.
  EventOutput(LineWriter& writer, OpenDeliveries& deliveries, Settling settling,
              std::function<void()> on_output_gone);

  EndpointHandlers Handlers();

  // Writes the event `ready`; no other is written before it. Not written once closed.
  void Ready(std::string_view id, std::string_view space);
  // If `ready` has not been written, drops the events that wait for it and those to come.
  void Close();

 private:
  enum class Gate { kHeld, kOpen, kClosed };

  void Tell(const ReceivedMessage& message);
  // Waits for `ready`, writes `line`, and says whether it is out.
  bool TellLine(std::string line);
  bool WriteLine(std::string line);
  bool AwaitReady();
  void MoveGate(Gate gate);

  LineWriter& writer_;
  OpenDeliveries& deliveries_;
  const Settling settling_;
  const std::function<void()> on_output_gone_;

  Mutex mutex_;
  CondVar gate_moved_;
  Gate gate_ MW_GUARDED_BY(mutex_) = Gate::kHeld;
};

}  // namespace meshwarden
