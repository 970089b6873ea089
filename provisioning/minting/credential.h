// What a credential is and what it may do, read from its JWT.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "proto/identity/jwt.h"
#include "provisioning/minting/profiles.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

// The leave to answer whatever is received, wherever its sender has said. To a broker it outranks denials.
struct Responses {
  std::int64_t max = 0;  // answers to one message; 0 or less: no bound that is known
  std::chrono::nanoseconds ttl{0};
};

struct CredentialView {
  std::string id;  // public user nkey
  std::string name;
  std::string account;  // public key of the account it belongs to
  std::string issuer;   // public key that signed it
  SystemTime issued_at;
  std::optional<SystemTime> expires;
  std::optional<SystemTime> not_before;
  Permissions permissions;
  std::optional<Responses> responses;
  bool bearer = false;                         // good for whoever has read it: no key is asked for
  std::vector<std::string> sources;            // networks that it is good from; empty: from everywhere
  std::vector<std::string> connection_types;   // empty: all
  std::vector<std::string> times;              // of the day, "08:00:00 to 18:00:00"; empty: always
  std::map<std::string, std::int64_t> limits;  // "subs", "data", "payload", where they are limited
  std::optional<std::string> space;            // the one space that its permissions name, if it is one
  std::optional<Profile> profile;              // which profile these permissions look like, if any
  SpaceSecrets secrets;                        // those of the space that its permissions hold
};

// InvalidArgument if the JWT is not a user's.
absl::StatusOr<CredentialView> ViewCredential(const DecodedJwt& jwt);

// Whether the credential is good at `now` for what `profile` does in `space`: valid, with every right of that
// profile and with none beyond it. FailedPrecondition says what is amiss and what to do. Too much is refused
// as well as too little: what a profile leaves out is what keeps a request, a stolen file or a mistake from
// doing more, and whoever can mint one that has too much can mint the right one.
absl::Status CheckCredential(const CredentialView& credential, Profile profile, std::string_view space,
                             SystemTime now);

// True if nothing holds the credential back from publishing or subscribing anything inside its account.
bool IsUnrestricted(const CredentialView& credential);

}  // namespace meshwarden
