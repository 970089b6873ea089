// The daemon's configuration: one YAML file, each value also a flag.
//
//   space: main
//   servers: [nats://127.0.0.1:4222]        # or one string; this is the default
//   credentials: creds/manager.creds        # answers requests
//   mover_credentials: creds/mover.creds    # moves filters, answers nobody
//   watcher_credentials: creds/watcher.creds  # optional; hears what is done to durables
//   issuer: issuer.json                     # optional; only checked, minting is not the daemon's yet
//   policy: policy.yaml
//   log: {level: info, format: text}
//   limits: {in_flight: 256, per_agent_waiting: 16, waiting: 1024}
//   tls: {ca: ca.pem, cert: client.pem, key: client.key, server_name: nats.example, handshake_first: true}
//
// Relative paths are relative to the file's directory.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/nats/server/connection_options.h"
#include "manager/process/log.h"
#include "manager/service/agent_queue.h"

namespace meshwarden {

// Bounds on the bounds, so that no slip of the pen makes them none.
inline constexpr std::size_t kMaxInFlight = 1024;
inline constexpr std::size_t kMaxWaitingPerAgent = 1024;
inline constexpr std::size_t kMaxWaiting = 65'536;

struct Config {
  std::string space;
  std::vector<std::string> servers;
  std::string credentials;
  std::string mover_credentials;
  std::string watcher_credentials;  // empty: nobody watches
  std::string issuer;               // empty: none
  std::string policy;
  LogOptions log;
  AgentQueue::Limits limits;
  TlsOptions tls;
};

// Reads a configuration file. InvalidArgument lists everything that is wrong with it, with line, column and
// suggestion. What is left out has its default, or is empty: see CheckComplete.
absl::StatusOr<Config> LoadConfig(const std::string& path);
// The same from text; `path` is where it would stand.
absl::StatusOr<Config> ParseConfig(std::string_view yaml, const std::string& path);

// Whether everything that the daemon needs is there and in bounds, whether it came from the file or from
// flags; names what is missing.
absl::Status CheckComplete(const Config& config);

}  // namespace meshwarden
