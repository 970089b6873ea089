// What policy files say, before it is put together: each key as it was written, with its place.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml/source_text.h"
#include "policy/policy.h"

namespace meshwarden {

struct NamedPlace {
  std::string name;
  Place place;
};

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
  std::vector<Place> may_provision_places;  // of agent.may_provision
  bool complete = true;
};

// One file.
struct Declarations {
  const SourceText* source = nullptr;
  std::optional<NamedPlace> space;
  std::optional<DeclaredDefaults> defaults;
  std::vector<DeclaredGroup> groups;
  std::vector<DeclaredAgent> agents;
  bool complete = true;  // every agent and group of the file is here
};

}  // namespace meshwarden
