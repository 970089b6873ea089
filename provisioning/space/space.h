// A new space on disk: its trust chain, its server configuration, its first credentials.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "base/clock.h"
#include "provisioning/space/server_config.h"
#include "provisioning/space/trust_chain.h"

namespace meshwarden {

struct SpaceInitOptions {
  std::string space;
  std::string directory;       // made if it is missing
  ServerConfigOptions server;  // an empty `store_dir` becomes "jetstream" in the directory
};

// Writes D/server.conf, D/keys/{operator,account,system,signing}.nk, D/issuer.json and
// D/creds/{setup,manager,mover,watcher,admin,launcher,observer}.creds. Each holds a key or a secret token and
// has mode 0600, the folders 0700. AlreadyExists, with nothing written, if any of them is there. A failure on
// the way takes back what had been written.
absl::Status InitSpace(const SpaceInitOptions& options, const Clock& clock);

}  // namespace meshwarden
