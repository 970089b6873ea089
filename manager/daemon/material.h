// What the daemon needs before it may start: its policy and its credentials, all checked together.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/nats/server/creds_file.h"
#include "manager/daemon/config.h"
#include "policy/policy.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

struct Material {
  std::shared_ptr<const Policy> policy;
  // Read anew at each connect; what lies there then has to pass the same checks.
  std::shared_ptr<CredsFile> responder;  // answers requests
  std::shared_ptr<CredsFile> mover;      // moves filters
  SpaceSecrets secrets;                  // those that the mover's credential holds
  std::shared_ptr<CredsFile> watcher;    // hears what is done to durables; null: nobody does
  std::vector<std::string> warnings;     // what works, but should not stay so
};

// Loads and checks everything that can be checked without a broker: the configuration is complete, the files
// are there, the credentials are whole, of this space, not expired, and fit for their use, the policy has no
// error and is of this space, the issuer (if named) is of this space, the files of TLS can be used.
// InvalidArgument lists everything that is wrong, one line or paragraph each. `clock` must outlive the
// material.
absl::StatusOr<Material> LoadMaterial(const Config& config, const Clock& clock);

}  // namespace meshwarden
