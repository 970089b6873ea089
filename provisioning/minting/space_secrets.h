// The secret tokens of a space. They stand in the system account's JWT and in the grants of those who may use
// them, and nowhere else: a program learns them from its own credential (provisioning/minting/credential.h).
#pragma once

#include <string>

namespace meshwarden {

// Each is a secret token (base/secret_token.h), or empty: in a space of an earlier version there is none.
struct SpaceSecrets {
  // Behind "$JS.API.": the only way to the verbs of the API that destroy (provisioning/space/api_mappings.h).
  std::string api;
  // In the bucket of what the manager keeps: the first token of each key.
  std::string records;

  bool operator==(const SpaceSecrets&) const = default;
};

// New ones, both.
SpaceSecrets MakeSpaceSecrets();

}  // namespace meshwarden
