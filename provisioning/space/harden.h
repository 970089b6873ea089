// Closing a space on disk: the mappings of provisioning/space/api_mappings.h in its server configuration, and
// the credentials that go with them.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "base/clock.h"

namespace meshwarden {

struct HardenOptions {
  enum class ApiToken {
    kKeep,    // the one that the space has, a new one if it has none
    kRotate,  // a new one
  };
  std::string directory;  // where space init wrote
  ApiToken token = ApiToken::kKeep;
};

struct HardenResult {
  std::string space;
  std::vector<std::string> written;  // paths, in the order of writing; empty: all was in place
  bool config_was_open = false;      // others than its owner could read the configuration, and no longer can
};

// Brings what space init wrote to what it would write today: the system account's token in D/server.conf with
// the mappings, D/creds/setup.creds and mover.creds with the grants that go with it, of the same identities
// and with the same end, and D/creds/watcher.creds if there is none. All else stays, what operators have
// added to the configuration or to the system account included. Files are replaced whole, the configuration
// first: stopped in between, it is simply to be repeated, and no repeat takes a new token back. They keep the
// owner and group that they have, and are the owner's alone: mode 0600.
//
// NotFound or InvalidArgument says which of the files is missing, a symbolic link, or not as space init
// writes it; nothing has been written then. PermissionDenied: an owner cannot be kept.
absl::StatusOr<HardenResult> HardenSpace(const HardenOptions& options, const Clock& clock);

}  // namespace meshwarden
