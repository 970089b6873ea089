// A connection to the broker for the time of one command.
#pragma once

#include <absl/status/statusor.h>

#include <CLI/App.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "provisioning/minting/credential.h"

namespace meshwarden {

// What it takes to get there.
struct BrokerOptions {
  std::vector<std::string> servers;
  std::string creds;
  std::string wait = "0s";  // how long a server that is not there yet is waited for
  TlsOptions tls;
};

// Adds --server, --creds, --wait and the --tls options to `command`. `options` must live until the arguments
// have been read.
void AddBrokerOptions(CLI::App& command, BrokerOptions& options);

// Connected and checked: the creds file is a user's, the server is new enough. Movable, not copyable.
class BrokerSession {
 public:
  // Connects for the command `purpose` ("space setup"), and waits for a server as the options say. A warning
  // about an outdated server goes to `err`.
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
