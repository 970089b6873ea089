// The trust chain of a space: operator → account (the space; with a signing key), operator → system account.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "base/clock.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

// Movable, not copyable.
struct TrustChain {
  std::string space;
  KeyPair operator_key;
  KeyPair account_key;
  KeyPair signing_key;
  KeyPair system_key;
  std::string operator_jwt;
  std::string account_jwt;
  std::string system_jwt;
  SpaceSecrets secrets;  // made with the keys; the one of the API stands in system_jwt
};

// New keys and their tokens, which do not expire. InvalidArgument for a space name that is empty, longer than
// 128 bytes, or has control characters in it.
absl::StatusOr<TrustChain> MakeTrustChain(std::string_view space, const Clock& clock);

}  // namespace meshwarden
