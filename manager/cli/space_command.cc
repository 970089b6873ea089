// `meshwarden space init` and `meshwarden space setup`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "manager/cli/broker_session.h"
#include "manager/cli/command_line.h"
#include "manager/cli/consumer_room.h"
#include "provisioning/space.h"

namespace meshwarden {
namespace {

constexpr int kMaxReplicas = 5;
constexpr std::int64_t kMostAgents = 1'000'000;
constexpr std::chrono::milliseconds kInfoTimeout{5'000};
constexpr JsonLimits kInfoLimits = {.max_bytes = 256 * 1024, .max_depth = 8, .max_values = 10'000};

absl::Status Init(SpaceInitOptions options, std::ostream& out) {
  // The server may be started from anywhere.
  for (std::string* path : {&options.directory, &options.server.store_dir, &options.server.tls_cert,
                            &options.server.tls_key, &options.server.tls_ca}) {
    if (!path->empty()) {
      *path = std::filesystem::absolute(*path).lexically_normal().string();
    }
  }
  MW_RETURN_IF_ERROR(InitSpace(options, Clock::System()));
  out << fmt::format(
      "space {0} is in {1}\n"
      "  start the server   nats-server -c {1}/server.conf\n"
      "  then set it up     meshwarden space setup --creds {1}/creds/setup.creds --server nats://{2}:{3}\n"
      "  keep off the net   {1}/keys and {1}/issuer.json: whoever holds them can make credentials\n",
      options.space, options.directory, options.server.host, options.server.port);
  return absl::OkStatus();
}

void AddInit(CLI::App& space, CommandLine& line) {
  const auto options = std::make_shared<SpaceInitOptions>();
  CLI::App* init = space.add_subcommand("init", "Make a trust chain, a server configuration and credentials");
  init->footer("\nExample:\n  meshwarden space init --space main --dir ./mesh --port 4222");
  init->add_option("--space", options->space, "Name of the space")->envname("MESHWARDEN_SPACE")->required();
  init->add_option("--dir", options->directory, "Folder to write to; nothing there is overwritten")
      ->required();
  init->add_option("--host", options->server.host, "Address that the server listens on")
      ->capture_default_str();
  init->add_option("--port", options->server.port, "Port that the server listens on")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  init->add_option("--store", options->server.store_dir,
                   "Folder of the server's streams (default: DIR/jetstream)");
  CLI::Option* cert = init->add_option("--tls-cert", options->server.tls_cert, "The server's certificate");
  CLI::Option* key = init->add_option("--tls-key", options->server.tls_key, "Its key");
  cert->needs(key);
  key->needs(cert);
  init->add_option("--tls-ca", options->server.tls_ca, "Ask clients for certificates that go back to these")
      ->needs(cert);
  init->callback([options, &line] { line.deed = [options, &line] { return Init(*options, line.out); }; });
}

struct SetupOptions {
  BrokerOptions broker;
  std::string space;
  int replicas = 1;
  std::int64_t agents = 1'000;
};

absl::StatusOr<std::string> SpaceFor(const SetupOptions& options, const CredentialView& credential) {
  if (options.space.empty() && !credential.space.has_value()) {
    return absl::InvalidArgumentError("the creds file does not say which space it is for; give --space");
  }
  if (!options.space.empty() && credential.space.has_value() && options.space != *credential.space) {
    return absl::InvalidArgumentError(
        fmt::format("the creds file is for space \"{}\", not \"{}\"; name the right one with --creds",
                    *credential.space, options.space));
  }
  return options.space.empty() ? *credential.space : options.space;
}

absl::Status WarnAboutRoom(BrokerSession& session, const std::string& space, const SetupOptions& options,
                           std::ostream& err) {
  const auto warn = [&err](const std::optional<std::string>& warning) {
    if (warning.has_value()) {
      err << "warning: " << *warning << '\n';
    }
  };
  MW_ASSIGN_OR_RETURN(const NatsMessage answer,
                      session.connection().Request("$JS.API.INFO", "", kInfoTimeout));
  MW_ASSIGN_OR_RETURN(const Json account, ParseJsonObject(answer.payload, kInfoLimits));
  warn(WarnAboutAccount(account, session.connection().server_version(), options.agents));
  for (const StreamConfig& stream : SpaceStreams(space, options.replicas)) {
    MW_ASSIGN_OR_RETURN(const StreamInfo info, session.api().GetStream(stream.name));
    warn(WarnAboutStream(info.config, options.agents));
  }
  return absl::OkStatus();
}

absl::Status Setup(const SetupOptions& options, CommandLine& line) {
  MW_ASSIGN_OR_RETURN(BrokerSession session, BrokerSession::Open(options.broker, "space setup", line.err));
  MW_ASSIGN_OR_RETURN(const std::string space, SpaceFor(options, session.credential()));
  Privileged privileged(session.api(), space);
  MW_RETURN_IF_ERROR(Annotate(privileged.CreateSpaceStreams(options.replicas),
                              fmt::format("space {} is not set up", space)));
  MW_RETURN_IF_ERROR(
      Annotate(WarnAboutRoom(session, space, options, line.err), "set up, but its limits cannot be read"));
  line.out << fmt::format("space {} is set up: its streams and buckets are there\n", space);
  return absl::OkStatus();
}

void AddSetup(CLI::App& space, CommandLine& line) {
  const auto options = std::make_shared<SetupOptions>();
  CLI::App* setup =
      space.add_subcommand("setup", "Make the space's streams and buckets; repeating it is fine");
  setup->footer("\nExample:\n  meshwarden space setup --creds ./mesh/creds/setup.creds");
  AddBrokerOptions(*setup, options->broker);
  setup->add_option("--space", options->space, "Name of the space (default: the one that the creds are for)")
      ->envname("MESHWARDEN_SPACE");
  setup->add_option("--replicas", options->replicas, "Copies of each stream in a cluster")
      ->check(CLI::Range(1, kMaxReplicas))
      ->capture_default_str();
  setup->add_option("--agents", options->agents, "Warn unless there is room for so many agents")
      ->check(CLI::Range(std::int64_t{1}, kMostAgents))
      ->capture_default_str();
  setup->callback([options, &line] { line.deed = [options, &line] { return Setup(*options, line); }; });
}

}  // namespace

void AddSpaceCommands(CLI::App& app, CommandLine& line) {
  CLI::App* space = app.add_subcommand("space", "Make a space and set it up on its server");
  space->require_subcommand(1);
  space->footer("\nExample:\n  meshwarden space init --space main --dir ./mesh");
  AddInit(*space, line);
  AddSetup(*space, line);
}

}  // namespace meshwarden
