// A new space: its trust chain, its server configuration, its first credentials.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "base/clock.h"
#include "endpoint/connection.h"
#include "proto/identity/nkey.h"
#include "provisioning/mint.h"

namespace meshwarden {

// operator → account (the space; with a signing key), operator → system account. Movable, not copyable.
struct TrustChain {
  std::string space;
  KeyPair operator_key;
  KeyPair account_key;
  KeyPair signing_key;
  KeyPair system_key;
  std::string operator_jwt;
  std::string account_jwt;
  std::string system_jwt;
};
absl::StatusOr<TrustChain> MakeTrustChain(std::string_view space, const Clock& clock);

struct ServerConfigOptions {
  std::string host = "127.0.0.1";
  int port = 4222;
  std::string store_dir;
  // Paths of the server's certificate, key and (for client certificates) CA; empty: no TLS.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
};
// The text of a nats-server configuration file: operator mode, memory resolver with both accounts, JetStream,
// and room for an agent's JWT in the CONNECT line.
std::string FormatServerConfig(const TrustChain& chain, const ServerConfigOptions& options);

struct SpaceInitOptions {
  std::string space;
  std::string directory;
  ServerConfigOptions server;
};
// Writes D/server.conf, D/keys/{operator,account,system,signing}.nk, D/issuer.json and
// D/creds/{setup,manager,mover,admin,launcher,observer}.creds; what holds a key has mode 0600. AlreadyExists,
// with nothing written, if any of them is there.
absl::Status InitSpace(const SpaceInitOptions& options, const Clock& clock);

}  // namespace meshwarden
