#include "manager/daemon/daemon_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "base/status.h"
#include "manager/process/version.h"

namespace meshwarden {
namespace {

constexpr char kDescription[] =
    "Serves the control service of a space: agents ask it to move their channels, within the policy.";
constexpr char kFooter[] =
    "\nEvery value may stand in the configuration file or be given as a flag; flags win.\n"
    "\nExamples:\n"
    "  meshwardend --config meshwardend.yaml --check\n"
    "  meshwardend --space main --credentials ./mesh/creds/manager.creds \\\n"
    "      --mover-credentials ./mesh/creds/mover.creds --policy policy.yaml";

// The flags as given; an empty one says nothing about its value.
struct Flags {
  std::string config;
  bool check = false;
  std::optional<std::string> space;
  std::vector<std::string> servers;
  std::optional<std::string> credentials;
  std::optional<std::string> mover_credentials;
  std::optional<std::string> watcher_credentials;
  std::optional<std::string> issuer;
  std::optional<std::string> policy;
  std::optional<std::string> log_level;
  std::optional<std::string> log_format;
  std::optional<std::size_t> in_flight;
  std::optional<std::size_t> waiting;
  std::optional<std::size_t> waiting_per_agent;
  std::optional<std::string> tls_ca;
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;
  std::optional<std::string> tls_server_name;
  bool tls_first = false;
};

void Declare(CLI::App& app, Flags& flags) {
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("meshwardend ") + kVersion);
  app.add_option("--config", flags.config, "Configuration file (YAML)");
  app.add_flag("--check", flags.check, "Validate everything that needs no broker, and exit");
  app.add_option("--space", flags.space, "Name of the space");
  app.add_option("--server", flags.servers,
                 "Address of a NATS server, or of several with commas between; may be given several times")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--credentials", flags.credentials, "Creds file of the connection that answers");
  app.add_option("--mover-credentials", flags.mover_credentials,
                 "Creds file of the connection that moves filters");
  app.add_option("--watcher-credentials", flags.watcher_credentials,
                 "Creds file of the connection that hears what is done to durables; optional");
  app.add_option("--issuer", flags.issuer, "Issuer file; checked, not used yet");
  app.add_option("--policy", flags.policy, "Policy file, or folder of policy files");
  app.add_option("--log-level", flags.log_level, "debug, info, warn (or warning) or error");
  app.add_option("--log-format", flags.log_format, "text or json");
  app.add_option("--in-flight", flags.in_flight, "Most requests carried out at a time");
  app.add_option("--waiting", flags.waiting, "Most requests that wait");
  app.add_option("--per-agent-waiting", flags.waiting_per_agent, "Most requests of one agent that wait");
  app.add_option("--tls-ca", flags.tls_ca, "Certificates that the server's must go back to");
  app.add_option("--tls-cert", flags.tls_cert, "Certificate of this client");
  app.add_option("--tls-key", flags.tls_key, "Its key");
  app.add_option("--tls-server-name", flags.tls_server_name, "Name that the server's certificate must hold");
  app.add_flag("--tls-first", flags.tls_first,
               "The server speaks TLS from the first byte on (handshake_first)");
}

template <typename T>
void Override(std::optional<T>& flag, T& value) {
  if (flag.has_value()) {
    value = *std::move(flag);
  }
}

absl::Status OverrideLog(const Flags& flags, LogOptions& log) {
  if (flags.log_level.has_value()) {
    MW_ASSIGN_OR_RETURN(log.level, LogLevelByName(*flags.log_level));
  }
  if (flags.log_format.has_value()) {
    MW_ASSIGN_OR_RETURN(log.format, LogFormatByName(*flags.log_format));
  }
  return absl::OkStatus();
}

void OverrideTls(Flags& flags, TlsOptions& tls) {
  tls.required = tls.required || flags.tls_ca || flags.tls_cert || flags.tls_key || flags.tls_server_name ||
                 flags.tls_first;
  tls.handshake_first = tls.handshake_first || flags.tls_first;
  Override(flags.tls_ca, tls.ca_file);
  Override(flags.tls_cert, tls.cert_file);
  Override(flags.tls_key, tls.key_file);
  Override(flags.tls_server_name, tls.server_name);
}

absl::StatusOr<Config> Combine(Flags flags) {
  Config config;
  if (!flags.config.empty()) {
    MW_ASSIGN_OR_RETURN(config, LoadConfig(flags.config));
  }
  Override(flags.space, config.space);
  Override(flags.credentials, config.credentials);
  Override(flags.mover_credentials, config.mover_credentials);
  Override(flags.watcher_credentials, config.watcher_credentials);
  Override(flags.issuer, config.issuer);
  Override(flags.policy, config.policy);
  Override(flags.in_flight, config.limits.running);
  Override(flags.waiting, config.limits.waiting);
  Override(flags.waiting_per_agent, config.limits.waiting_per_agent);
  if (!flags.servers.empty()) {
    config.servers = std::move(flags.servers);
  }
  MW_RETURN_IF_ERROR(OverrideLog(flags, config.log));
  OverrideTls(flags, config.tls);
  MW_RETURN_IF_ERROR(CheckComplete(config));
  return config;
}

}  // namespace

std::variant<DaemonOrder, int> ReadDaemonFlags(std::span<const std::string> args, std::ostream& out,
                                               std::ostream& err) {
  CLI::App app(kDescription, "meshwardend");
  Flags flags;
  Declare(app, flags);
  try {
    // CLI11 takes arguments from the back.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success& done) {
    return app.exit(done, out, err);
  } catch (const CLI::ParseError& error) {
    err << "meshwardend: " << error.what() << "\nmeshwardend --help shows an example.\n";
    return 2;
  }
  const DaemonMode mode = flags.check ? DaemonMode::kCheck : DaemonMode::kServe;
  absl::StatusOr<Config> config = Combine(std::move(flags));
  if (!config.ok()) {
    err << "meshwardend: " << MessageOf(config.status()) << '\n';
    return 1;
  }
  return DaemonOrder{.mode = mode, .config = *std::move(config)};
}

}  // namespace meshwarden
