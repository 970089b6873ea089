// Minting user credentials, and the material that it takes.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/profiles.h"

namespace meshwarden {

inline constexpr std::size_t kMaxIssuerBytes = 64 * 1024;

// What a minting party may hold: the account's public key and a signing key of it, never the account's or the
// operator's own seeds. Stored as D/issuer.json: {"space","account":{"pub","signingSeed"}}; the peers'
// stripped form (spec vectors, "stripped") is read too. Movable, not copyable.
class Issuer {
 public:
  // InvalidArgument for what is not of that form, and for a file with any seed in it but the signing key's.
  static absl::StatusOr<Issuer> Parse(std::string_view json);
  // The same from a file, without leaving a copy of the seed outside locked memory.
  static absl::StatusOr<Issuer> Load(const std::string& path);
  static absl::StatusOr<Issuer> Make(std::string space, PublicNkey account, KeyPair signing_key);

  const std::string& space() const { return space_; }
  const PublicNkey& account() const { return account_; }
  const KeyPair& signing_key() const { return signing_key_; }
  // The file's text, in locked memory.
  Secret Format() const;

 private:
  Issuer(std::string space, PublicNkey account, KeyPair signing_key);
  std::string space_;
  PublicNkey account_;
  KeyPair signing_key_;
};

struct MintOptions {
  Profile profile = Profile::kAgent;
  ProfileOptions permissions;               // `space` and `id` decide whom it is for
  std::string name;                         // shown as the JWT's name; empty: the profile's
  std::optional<std::chrono::seconds> ttl;  // absent: does not expire
};

// A user JWT for the identity `options.permissions.id`, signed by the issuer. InvalidArgument for an id that
// is not a user nkey, a space that is not the issuer's, a lifetime that is not positive, or permissions that
// do not come out (see PermissionsOf).
absl::StatusOr<std::string> MintUserJwt(const Issuer& issuer, const MintOptions& options, const Clock& clock);
// The same for a key pair that the caller holds, as a credential.
absl::StatusOr<Creds> MintCreds(const Issuer& issuer, MintOptions options, KeyPair user, const Clock& clock);

}  // namespace meshwarden
