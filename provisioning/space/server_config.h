// The configuration of the nats-server that carries a space.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "provisioning/space/trust_chain.h"

namespace meshwarden {

struct ServerConfigOptions {
  std::string host = "127.0.0.1";
  int port = 4222;
  std::string store_dir;
  // Paths of the server's certificate, key and (for client certificates) CA; empty: no TLS.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
};

// InvalidArgument for a port out of range, an empty host or store, control characters anywhere, a certificate
// without its key or the other way round, and a CA without both.
absl::Status CheckServerConfig(const ServerConfigOptions& options);

// What a server has to know of a trust chain. No key, but the system account's token holds the secret token
// of the space's API (see SpaceSecrets).
struct ServerTrust {
  std::string operator_jwt;
  std::string account_id;  // public nkey
  std::string account_jwt;
  std::string system_id;  // public nkey
  std::string system_jwt;
};
ServerTrust TrustOf(const TrustChain& chain);

// The text of a nats-server configuration file: operator mode, memory resolver with both accounts, JetStream,
// and room for an agent's JWT in the CONNECT line. Values are quoted, so none can become another setting.
std::string FormatServerConfig(const ServerTrust& trust, const ServerConfigOptions& options);
std::string FormatServerConfig(const TrustChain& chain, const ServerConfigOptions& options);

// The token of the system account in such a text, as it stands there. InvalidArgument if the text names no
// system account, or does not have its token exactly once.
absl::StatusOr<std::string> SystemJwtIn(std::string_view config);

}  // namespace meshwarden
