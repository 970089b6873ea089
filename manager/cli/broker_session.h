// A connection to the broker for the time of one command.
#pragma once

#include <absl/status/statusor.h>

#include <CLI/App.hpp>
#include <memory>
#include <ostream>
#include <string>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "provisioning/credential.h"

namespace meshwarden {

// What it takes to get there.
struct BrokerOptions {
  std::string server;
  std::string creds;
  TlsOptions tls;
};

// Adds --server, --creds and the --tls options to `command`. `options` must live until the arguments have
// been read.
void AddBrokerOptions(CLI::App& command, BrokerOptions& options);

// Connected and checked: the creds file is a user's, the server is new enough. Movable, not copyable.
class BrokerSession {
 public:
  // Connects for the command `purpose` ("space setup"). A warning about an outdated server goes to `err`.
  static absl::StatusOr<BrokerSession> Open(const BrokerOptions& options, std::string_view purpose,
                                            std::ostream& err);

  Connection& connection() { return *connection_; }
  JetStreamApi& api() { return *api_; }
  const CredentialView& credential() const { return credential_; }

 private:
  BrokerSession(std::unique_ptr<Connection> connection, CredentialView credential);

  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  CredentialView credential_;
};

}  // namespace meshwarden
