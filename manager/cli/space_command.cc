// `meshwarden space init`, `meshwarden space setup` and `meshwarden space harden`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/api_guard.h"
#include "manager/cli/broker_session.h"
#include "manager/cli/command_line.h"
#include "manager/cli/consumer_room.h"
#include "manager/cli/space_option.h"
#include "provisioning/minting/mint.h"
#include "provisioning/space/harden.h"
#include "provisioning/space/space.h"
#include "provisioning/space/space_setup.h"

namespace meshwarden {
namespace {

constexpr int kMaxReplicas = 5;
constexpr std::int64_t kMostAgents = 1'000'000;
constexpr std::size_t kMaxNamedIds = 20;
constexpr std::chrono::milliseconds kInfoTimeout{5'000};
constexpr JsonLimits kInfoLimits = {.max_bytes = 256 * 1024, .max_depth = 8, .max_values = 10'000};

void TellWhoKeepsConfig(const std::string& directory, std::ostream& out) {
  out << fmt::format(
      "  keep to the owner  {}/server.conf: it holds the space's secret token; the server's user must own "
      "it\n",
      directory);
}

absl::Status Init(SpaceInitOptions options, std::ostream& out) {
  // The server may be started from anywhere.
  for (std::string* path : {&options.directory, &options.server.store_dir, &options.server.tls_cert,
                            &options.server.tls_key, &options.server.tls_ca}) {
    if (!path->empty()) {
      MW_ASSIGN_OR_RETURN(*path, AbsolutePath(*path));
    }
  }
  MW_RETURN_IF_ERROR(InitSpace(options, Clock::System()));
  out << fmt::format(
      "space {0} is in {1}\n"
      "  start the server   nats-server -c {1}/server.conf\n"
      "  then set it up     meshwarden space setup --creds {1}/creds/setup.creds --server nats://{2}:{3}\n"
      "  keep off the net   {1}/keys and {1}/issuer.json: whoever holds them can make credentials\n",
      options.space, options.directory, options.server.host, options.server.port);
  TellWhoKeepsConfig(options.directory, out);
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

void WarnUnlessGuarded(BrokerSession& session, const std::string& space, std::ostream& err) {
  // A credential of an earlier version may not ask.
  const bool may_ask = !session.credential().secrets.api.empty() || IsUnrestricted(session.credential());
  switch (may_ask ? AskApiGuard(session.connection(), space, kInfoTimeout) : ApiGuard::kUnknown) {
    case ApiGuard::kInForce:
      return;
    case ApiGuard::kNotInForce:
      err << "error: this server lets an agent's credential do more than its policy says: the mappings of "
             "its "
             "system account are not in force. Run meshwarden space harden --dir DIR, where space init "
             "wrote, "
             "and restart the server with the server.conf there\n";
      return;
    case ApiGuard::kUnknown:
      err << "warning: cannot tell whether this server holds agents to their policy: the credential may not "
             "ask. Take the setup credential that meshwarden space harden --dir DIR writes\n";
  }
}

void TellOfRecords(const SpaceSetup& setup, CommandLine& line) {
  if (setup.moved > 0) {
    line.out << fmt::format("{} records of agents lie under the space's secret token now\n", setup.moved);
  }
  if (setup.damaged.empty()) {
    return;
  }
  const std::size_t named = std::min(setup.damaged.size(), kMaxNamedIds);
  line.err << fmt::format(
      "warning: {} records of agents are damaged, and stay so; provision these agents again, under new "
      "identities: {}{}\n",
      setup.damaged.size(), fmt::join(std::span(setup.damaged).first(named), ", "),
      named < setup.damaged.size() ? ", …" : "");
}

absl::Status Setup(const SetupOptions& options, CommandLine& line) {
  MW_ASSIGN_OR_RETURN(BrokerSession session, BrokerSession::Open(options.broker, "space setup", line.err));
  MW_ASSIGN_OR_RETURN(const std::string space, SpaceFor(options, session.credential()));
  const absl::StatusOr<SpaceSetup> setup =
      SetUpSpace(session.api(), space, session.credential().secrets, options.replicas);
  MW_RETURN_IF_ERROR(Annotate(setup.status(), fmt::format("space {} is not set up", space)));
  TellOfRecords(*setup, line);
  MW_RETURN_IF_ERROR(
      Annotate(WarnAboutRoom(session, space, options, line.err), "set up, but its limits cannot be read"));
  WarnUnlessGuarded(session, space, line.err);
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

absl::Status Harden(const HardenOptions& options, std::ostream& out) {
  MW_ASSIGN_OR_RETURN(const HardenResult result, HardenSpace(options, Clock::System()));
  const std::string& directory = options.directory;
  if (result.written.empty()) {
    out << fmt::format("space {} in {} is hardened already; nothing was written\n", result.space, directory);
    return absl::OkStatus();
  }
  out << fmt::format("space {} in {} is hardened\n", result.space, directory);
  for (const std::string& path : result.written) out << fmt::format("  written            {}\n", path);
  // Whoever else read it reads it no more.
  if (result.config_was_open) TellWhoKeepsConfig(directory, out);
  out << fmt::format(
      "now, in this order:\n"
      "  restart            nats-server, with {0}/server.conf; in a cluster each server, with its token of "
      "the\n"
      "                     system account\n"
      "  then restart       each meshwardend, with mover_credentials and watcher_credentials of {0}/creds\n"
      "  then               meshwarden space setup --creds {0}/creds/setup.creds\n"
      "                     (it moves agents' records, which a manager of before would not find any more)\n"
      "  replace            every copy of setup.creds and mover.creds elsewhere\n",
      directory);
  return absl::OkStatus();
}

void AddHarden(CLI::App& space, CommandLine& line) {
  struct Options {
    std::string directory;
    std::string space;
    bool rotate = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* harden = space.add_subcommand(
      "harden", "Hold agents to their policy at the broker, in a space of an earlier version");
  harden->footer("\nExample:\n  meshwarden space harden --dir ./mesh");
  harden->add_option("--dir", options->directory, "Folder that space init wrote to")->required();
  harden->add_flag("--rotate", options->rotate, "Change the space's secret token, as after a leak");
  AddSpaceOption(*harden, options->space, SpaceFrom::kOptionOnly);
  harden->callback([options, &line] {
    line.deed = [options, &line] {
      using Token = HardenOptions::ApiToken;
      MW_ASSIGN_OR_RETURN(const std::string directory, AbsolutePath(options->directory));
      if (!options->space.empty()) {
        MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Load(directory + "/issuer.json"));
        MW_RETURN_IF_ERROR(CheckSpace(options->space, directory, issuer.space()));
      }
      return Harden({.directory = directory, .token = options->rotate ? Token::kRotate : Token::kKeep},
                    line.out);
    };
  });
}

}  // namespace

void AddSpaceCommands(CLI::App& app, CommandLine& line) {
  CLI::App* space = app.add_subcommand("space", "Make a space, set it up on its server, harden an old one");
  space->require_subcommand(1);
  space->footer("\nExample:\n  meshwarden space init --space main --dir ./mesh");
  AddInit(*space, line);
  AddSetup(*space, line);
  AddHarden(*space, line);
}

}  // namespace meshwarden
