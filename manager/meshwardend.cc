// The daemon. Everything but the order of things lies in libraries.
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "endpoint/nats/server/cancellation.h"
#include "manager/daemon/daemon.h"
#include "manager/daemon/daemon_flags.h"
#include "manager/daemon/material.h"
#include "manager/daemon/waiting.h"
#include "manager/process/last_resort.h"
#include "manager/process/log.h"
#include "manager/process/process_memory.h"
#include "manager/process/signals.h"
#include "manager/process/told_to_stop.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kStopWithin{5'000};
constexpr std::chrono::milliseconds kStopWithinAtStart{900};

constexpr char kHangup[] = "SIGHUP: the policy is read at the start only; restart to apply a change";

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

// Starts the daemon as often as it takes. Null: it was told to stop before it was ready.
absl::StatusOr<std::unique_ptr<Daemon>> StartDaemon(const Config& config, const Material& material, Log& log,
                                                    Waiting& waiting) {
  std::unique_ptr<Daemon> daemon;
  const absl::Status status = waiting.Until([&]() -> absl::Status {
    MW_ASSIGN_OR_RETURN(daemon, Daemon::Start(config, material, log, waiting));
    return absl::OkStatus();
  });
  if (absl::IsCancelled(status)) return nullptr;
  MW_RETURN_IF_ERROR(status);
  return daemon;
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
  const auto cancel = std::make_shared<Cancellation>();
  std::atomic<bool> ready{false};
  const ToldToStop told(signals, {.on_told =
                                      [&] {
                                        log.Write(LogLevel::kInfo, "stopping");
                                        // Nothing is in hand yet that would have to be finished.
                                        if (!ready) ArmLastResort(kStopWithinAtStart);
                                        cancel->Cancel();
                                      },
                                  .on_hangup = [&log] { log.Write(LogLevel::kWarn, kHangup); }});
  Waiting waiting(log, told, cancel);
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = StartDaemon(config, *material, log, waiting);
  if (!daemon.ok()) {
    return fail("not started", daemon.status());
  }
  if (*daemon == nullptr) {
    log.Write(LogLevel::kInfo, "stopped before it was ready");
    return 0;
  }
  ready = true;
  told.Await();
  DisarmLastResort();
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
