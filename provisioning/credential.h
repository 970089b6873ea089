// What a credential is and what it may do, read from its JWT.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "proto/identity/jwt.h"
#include "provisioning/profiles.h"
#include "provisioning/space_secrets.h"

namespace meshwarden {

struct CredentialView {
  std::string id;  // public user nkey
  std::string name;
  std::string account;  // public key of the account it belongs to
  std::string issuer;   // public key that signed it
  SystemTime issued_at;
  std::optional<SystemTime> expires;
  Permissions permissions;
  std::optional<std::string> space;  // the one space that its permissions name, if it is one
  std::optional<Profile> profile;    // which profile these permissions look like, if any
  SpaceSecrets secrets;              // those of the space that its permissions hold
};

// InvalidArgument if the JWT is not a user's.
absl::StatusOr<CredentialView> ViewCredential(const DecodedJwt& jwt);

// Whether the credential is good at `now` for what `profile` does in `space`: not expired, and with every
// right of that profile. FailedPrecondition says what is amiss and what to do. It may have more rights than
// needed: see IsUnrestricted.
absl::Status CheckCredential(const CredentialView& credential, Profile profile, std::string_view space,
                             SystemTime now);

// True if nothing holds the credential back from publishing or subscribing anything inside its account.
bool IsUnrestricted(const CredentialView& credential);

}  // namespace meshwarden
