#include "manager/cli/broker_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/private_file.h"
#include "base/status.h"
#include "manager/process/default_server.h"
#include "proto/duration.h"
#include "proto/identity/creds.h"
#include "provisioning/space/server_version.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kApiTimeout{5'000};

// Between two attempts to reach a server that is not there yet.
constexpr std::chrono::milliseconds kBetweenTries{100};

absl::Status CannotConnect(const absl::Status& status, const BrokerOptions& options) {
  const std::string servers = fmt::format("{}", fmt::join(options.servers, ", "));
  if (absl::IsPermissionDenied(status)) {
    return Annotate(status, fmt::format("{} refuses {}; is it a credential of the account that this server "
                                        "knows, and not expired? meshwarden creds show tells",
                                        servers, options.creds));
  }
  return Annotate(status, fmt::format("cannot connect to {}; is nats-server running there? --server names "
                                      "another, --wait 10s waits for it",
                                      servers));
}

// Nothing tells when a server has come up, so it is tried again.
absl::StatusOr<std::unique_ptr<Connection>> OpenWithin(std::chrono::milliseconds wait,
                                                       const ConnectionOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  Mutex mutex;
  CondVar never;
  while (true) {
    absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(options);
    const auto next = std::chrono::steady_clock::now() + kBetweenTries;
    if (connection.ok() || absl::IsPermissionDenied(connection.status()) || next > deadline)
      return connection;
    const MutexLock lock(mutex);
    while (never.WaitUntil(mutex, next)) {
    }
  }
}

std::string DurationProblem(const std::string& text) { return MessageOf(ParseDuration(text).status()); }

}  // namespace

void AddBrokerOptions(CLI::App& command, BrokerOptions& options) {
  options.servers = {kDefaultServer};
  command
      .add_option("--server", options.servers,
                  "Address of a NATS server, or of several with commas between; may be given several times")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->envname("MESHWARDEN_SERVER")
      ->capture_default_str();
  command.add_option("--creds", options.creds, "Creds file to connect with (profile setup)")
      ->envname("MESHWARDEN_CREDS")
      ->required();
  command.add_option("--wait", options.wait, "How long to wait for a server that is not there yet, as 10s")
      ->check(DurationProblem)
      ->capture_default_str();
  CLI::Option* ca = command.add_option("--tls-ca", options.tls.ca_file,
                                       "Connect with TLS; certificates that the server's must go back to");
  CLI::Option* cert = command.add_option("--tls-cert", options.tls.cert_file, "Certificate of this client");
  CLI::Option* key = command.add_option("--tls-key", options.tls.key_file, "Its key");
  cert->needs(key, ca);
  key->needs(cert, ca);
  command.add_flag("--tls-first", options.tls.handshake_first,
                   "Connect with TLS; the server speaks it from the first byte on (handshake_first)");
}

absl::StatusOr<BrokerSession> BrokerSession::Open(const BrokerOptions& options, std::string_view purpose,
                                                  std::ostream& err) {
  absl::StatusOr<Creds> creds = Creds::Load(options.creds);
  MW_RETURN_IF_ERROR(Annotate(creds.status(), "--creds"));
  absl::StatusOr<CredentialView> credential = ViewCredential(creds->decoded());
  MW_RETURN_IF_ERROR(Annotate(credential.status(), options.creds));
  if (const std::optional<std::string> warning = WarnIfOpenToOthers(options.creds)) {
    err << "warning: " << *warning << '\n';
  }
  ConnectionOptions connect;
  connect.servers = options.servers;
  connect.name = fmt::format("meshwarden {}", purpose);
  connect.creds = std::make_shared<const Creds>(*std::move(creds));
  connect.tls = options.tls;
  connect.tls.required = !options.tls.ca_file.empty() || options.tls.handshake_first;
  MW_ASSIGN_OR_RETURN(const std::chrono::milliseconds wait, ParseDuration(options.wait));
  absl::StatusOr<std::unique_ptr<Connection>> connection = OpenWithin(wait, connect);
  if (!connection.ok()) {
    return CannotConnect(connection.status(), options);
  }
  const ServerVersionCheck version = CheckServerVersion((*connection)->server_version());
  if (version.verdict == ServerVersionVerdict::kTooOld) {
    return absl::FailedPreconditionError(version.message);
  }
  if (version.verdict == ServerVersionVerdict::kOutdated) {
    err << "warning: " << version.message << '\n';
  }
  return BrokerSession(*std::move(connection), *std::move(credential));
}

BrokerSession::BrokerSession(std::unique_ptr<Connection> connection, CredentialView credential)
    : connection_(std::move(connection)),
      api_(std::make_unique<JetStreamApi>(*connection_, kApiTimeout, credential.secrets.api)),
      credential_(std::move(credential)) {}

}  // namespace meshwarden
