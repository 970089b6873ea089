// The daemon. Everything but the order of things lies in libraries.
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "manager/daemon/daemon.h"
#include "manager/daemon/daemon_flags.h"
#include "manager/daemon/material.h"
#include "manager/process/log.h"
#include "manager/process/process_memory.h"
#include "manager/process/signals.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kStopWithin{5'000};

int Check(const Config& config) {
  const absl::StatusOr<Material> material = LoadMaterial(config, Clock::System());
  if (!material.ok()) {
    std::cerr << MessageOf(material.status()) << '\n';
    return 1;
  }
  for (const std::string& warning : material->warnings) {
    std::cerr << "warning: " << warning << '\n';
  }
  std::cout << "fine: space " << config.space << ", " << material->policy->size() << " agents, policy "
            << material->policy->revision() << '\n';
  return 0;
}

// Returns when a signal says so.
void ServeUntilTold(const SteeringSignals& signals, Log& log) {
  while (signals.Wait() == SIGHUP) {
    log.Write(LogLevel::kWarn, "SIGHUP: the policy is read at the start only; restart to apply a change");
  }
}

int Serve(const Config& config) {
  const SteeringSignals signals;
  Log log(config.log);
  const auto fail = [&log](std::string_view what, const absl::Status& status) {
    const std::string message = MessageOf(status);
    log.Write(LogLevel::kError, what, {{"error", message}});
    return 1;
  };
  const absl::StatusOr<Material> material = LoadMaterial(config, Clock::System());
  if (!material.ok()) {
    return fail("not started: the configuration cannot be used", material.status());
  }
  ReturnFreeMemory();
  if (!Secret::AreLocked()) {
    log.Write(
        LogLevel::kWarn,
        "keys may be swapped to disk, since no memory can be locked; raise the limit for it (ulimit -l, "
        "LimitMEMLOCK=)");
  }
  for (const std::string& warning : material->warnings) {
    log.Write(LogLevel::kWarn, warning);
  }
  const absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(config, *material, log);
  if (!daemon.ok()) {
    return fail("not started", daemon.status());
  }
  ServeUntilTold(signals, log);
  log.Write(LogLevel::kInfo, "stopping");
  const bool finished = (*daemon)->Stop(kStopWithin);
  log.Write(LogLevel::kInfo, finished ? "stopped" : "stopped; some requests had to be cut short");
  return 0;
}

int Main(const std::vector<std::string>& args) {
  ForbidCoreDumps();
  LimitHeapArenas();
  const auto read = ReadDaemonFlags(args, std::cout, std::cerr);
  if (const int* code = std::get_if<int>(&read)) {
    return *code;
  }
  const auto& order = std::get<DaemonOrder>(read);
  return order.mode == DaemonMode::kCheck ? Check(order.config) : Serve(order.config);
}

}  // namespace
}  // namespace meshwarden

int main(int argc, char** argv) {
  return meshwarden::Main(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
