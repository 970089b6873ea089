#include "manager/cli/broker_session.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "base/private_file.h"
#include "base/status.h"
#include "manager/process/default_server.h"
#include "proto/identity/creds.h"
#include "provisioning/server_version.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kApiTimeout{5'000};

absl::Status CannotConnect(const absl::Status& status, const BrokerOptions& options) {
  if (absl::IsPermissionDenied(status)) {
    return Annotate(status, fmt::format("{} refuses {}; is it a credential of the account that this server "
                                        "knows, and not expired? meshwarden creds show tells",
                                        options.server, options.creds));
  }
  return Annotate(status, fmt::format("cannot connect to {}; is nats-server running there? --server names "
                                      "another",
                                      options.server));
}

}  // namespace

void AddBrokerOptions(CLI::App& command, BrokerOptions& options) {
  options.server = kDefaultServer;
  command.add_option("--server", options.server, "Address of the NATS server")
      ->envname("MESHWARDEN_SERVER")
      ->capture_default_str();
  command.add_option("--creds", options.creds, "Creds file to connect with (profile setup)")
      ->envname("MESHWARDEN_CREDS")
      ->required();
  CLI::Option* ca = command.add_option("--tls-ca", options.tls.ca_file,
                                       "Connect with TLS; certificates that the server's must go back to");
  CLI::Option* cert = command.add_option("--tls-cert", options.tls.cert_file, "Certificate of this client");
  CLI::Option* key = command.add_option("--tls-key", options.tls.key_file, "Its key");
  cert->needs(key, ca);
  key->needs(cert, ca);
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
  connect.servers = {options.server};
  connect.name = fmt::format("meshwarden {}", purpose);
  connect.creds = std::make_shared<const Creds>(*std::move(creds));
  connect.tls = options.tls;
  connect.tls.required = !options.tls.ca_file.empty();
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(std::move(connect));
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
