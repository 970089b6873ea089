// What policy files say, before it is put together: each key as it was written, with its place.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml/source_text.h"
#include "policy/policy.h"

namespace meshwarden {

// A list of channels; `place` is that of its key.
struct DeclaredChannels {
  std::shared_ptr<const GrantList> grants;
  Place place;
};

struct DeclaredRights {
  std::optional<DeclaredChannels> subscribe;
  std::optional<DeclaredChannels> allow_subscribe;
  std::optional<DeclaredChannels> allow_publish;
};

// `complete` is false where something was wrong and is missing here; what builds on it need not be checked.
struct DeclaredDefaults {
  Place place;
  DeclaredRights rights;
  bool complete = true;
};

struct DeclaredGroup {
  std::string name;
  Place place;
  DeclaredRights rights;
  bool complete = true;
};

struct DeclaredAgent {
  AgentPolicy agent;  // all but its channels
  Place place;
  Place id_place;
  DeclaredRights rights;
  std::vector<NamedPlace> groups;
  std::optional<Place> may_provision_place;  // of the key
  bool capabilities_read = true;             // false if something stands there that is no capability
  bool complete = true;
};

struct DeclaredLauncher {
  LauncherPolicy launcher;  // without an id if what stands there is none
  Place place;
  Place id_place;
};

// One file.
struct Declarations {
  const SourceText* source = nullptr;
  std::optional<NamedPlace> space;
  std::optional<DeclaredDefaults> defaults;
  std::vector<DeclaredGroup> groups;
  std::vector<DeclaredAgent> agents;
  std::vector<DeclaredLauncher> launchers;
  bool complete = true;  // every agent and group of the file is here
};

}  // namespace meshwarden
