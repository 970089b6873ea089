#include "manager/agent/agent_program.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/status.h"
#include "endpoint/endpoint.h"
#include "manager/agent/command.h"
#include "manager/agent/encode.h"
#include "manager/agent/line_reader.h"
#include "manager/agent/line_writer.h"
#include "manager/agent/open_deliveries.h"
#include "manager/agent/perform.h"
#include "manager/agent/stop_switch.h"
#include "manager/process/last_resort.h"
#include "manager/process/signals.h"

namespace meshwarden {
namespace {

// How long a stop waits for a driver that does not read.
constexpr std::chrono::milliseconds kWriteGrace{2'000};
// What a stop may take while there is no connection.
constexpr std::chrono::milliseconds kStopAway{900};

class AgentProgram {
 public:
  AgentProgram(const AgentProgramOptions& options, int in_fd, int out_fd)
      : options_(options),
        reader_(in_fd, kMaxLineBytes),
        writer_(out_fd, in_fd, kWriteGrace),
        events_(writer_, deliveries_, options.settling, [this] { stop_->Request(); }) {}

  absl::Status Run() {
    MW_ASSIGN_OR_RETURN(endpoint_, Endpoint::Make(options_.endpoint, events_.Handlers()));
    stop_.emplace(signals_, [this] { Stop(); });
    absl::Status started = endpoint_->Start();
    if (started.ok()) {
      events_.Ready(endpoint_->id(), endpoint_->space());
      ServeCommands();
    } else if (stopping_) {
      started = absl::OkStatus();  // it was told to stop, and so it does
    } else {
      start_failed_ = true;
    }
    // Handlers may request a stop as long as the endpoint lives, and the switch's thread uses the endpoint.
    stop_->Finish();
    endpoint_.reset();
    DisarmLastResort();
    return started;
  }

 private:
  void ServeCommands() {
    while (const std::optional<LineReader::Line> line = reader_.Next()) {
      if (!Serve(*line)) return;
    }
  }

  // False if that was the last command.
  bool Serve(const LineReader::Line& line) {
    if (line.too_long) {
      return Reply(nullptr, Failed(LineTooLong()));
    }
    const CommandLineRead read = ReadCommandLine(line.text);
    if (!read.command.ok()) {
      return Reply(read.ref, Failed(read.command.status()));
    }
    const bool replied = Reply(read.ref, Perform(*read.command, *endpoint_, deliveries_));
    return replied && !std::holds_alternative<verb::Stop>(*read.command);
  }

  bool Reply(const Json& ref, const Outcome& outcome) { return writer_.Write(ReplyEvent(ref, outcome)).ok(); }

  // On the switch's thread. Ends whatever the others may be waiting for.
  void Stop() {
    stopping_ = true;
    events_.Close();
    reader_.Stop();
    writer_.Finish();
    // Without a connection there is nothing to finish, and what cannot be called off is not waited for. But
    // who failed to start has an error to end with.
    if (!endpoint_->connected() && !start_failed_) ArmLastResort(kStopAway);
    endpoint_->Stop();
  }

  const AgentProgramOptions& options_;
  const SteeringSignals signals_;
  LineReader reader_;
  LineWriter writer_;
  OpenDeliveries deliveries_;
  EventOutput events_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> start_failed_{false};
  std::unique_ptr<Endpoint> endpoint_;
  std::optional<StopSwitch> stop_;
};

}  // namespace

absl::Status RunAgent(const AgentProgramOptions& options, int in_fd, int out_fd) {
  return AgentProgram(options, in_fd, out_fd).Run();
}

}  // namespace meshwarden
