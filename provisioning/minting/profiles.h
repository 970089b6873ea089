// Profiles: which subjects a credential may publish and subscribe to. Data only, exact and in order, because
// the lists are what the broker enforces. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

enum class Profile {
  kAgent,
  kObserver,
  kAdmin,         // reads everything of the space but control requests (no queue group to join)
  kUnrestricted,  // the peers' "manager": no restriction inside the space; minted only on explicit demand
  kSetup,         // makes streams, durables and records; held by operators and launching tools
  kResponder,     // the manager's answering connection: control requests in, replies to inboxes out
  kMover,         // the manager's other connection: chat durables and its own records, answers nobody
  kWatcher,       // hears what the broker tells of the API's use; publishes nothing
  kLauncher,      // asks the control service `manager` to provision
};

// What the command line calls it: "agent", "observer", "admin", "unrestricted", "setup", "manager", "mover",
// "watcher", "launcher".
std::string_view NameOf(Profile profile);
absl::StatusOr<Profile> ProfileByName(std::string_view name);

struct ProfileOptions {
  std::string space;
  std::string id;  // public user nkey
  // Agents only; ignored for the other profiles.
  std::optional<std::vector<std::string>> allow_subscribe;  // absent: ["general"]
  std::vector<std::string> allow_publish;                   // deny by default
  std::optional<std::string> role;
  std::vector<std::string> capabilities;
  std::string manager_service = "manager";  // what the capability "spawn" may call
  // Setup and mover only. Without them they have the rights that they had in spaces of an earlier version.
  SpaceSecrets secrets = {};
};

struct SubjectRules {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
};

// Absent means unrestricted.
struct Permissions {
  std::optional<SubjectRules> publish;
  std::optional<SubjectRules> subscribe;
};

// InvalidArgument for an agent's channel that is not strict (see ValidateChannel), or a manager service that
// is not a plain name. Does not check `id`: minting does.
absl::StatusOr<Permissions> PermissionsOf(Profile profile, const ProfileOptions& options);

}  // namespace meshwarden
