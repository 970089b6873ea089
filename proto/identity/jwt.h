// NATS JWTs, version 2 ("ed25519-nkey"): making them, and reading them with their signature checked.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "proto/identity/nkey.h"

namespace meshwarden {

// Longest token that is looked at.
inline constexpr std::size_t kMaxJwtBytes = 256 * 1024;

// What a JWT says, apart from what Encode fills in itself (iss, iat, jti).
struct JwtClaims {
  std::string subject;  // public nkey
  std::string name;
  Json nats;  // the "nats" object, "type" and "version" included
  std::optional<SystemTime> expires;
  std::optional<SystemTime> not_before = {};  // "nbf"; none that we mint has it
};

// Signs `claims` with `issuer`; `issued_at` becomes "iat". "jti" is the hash of the other claims, as the
// peers make it. InvalidArgument for claims that DecodeJwt would refuse. Times are cut to whole seconds.
absl::StatusOr<std::string> EncodeJwt(const JwtClaims& claims, const KeyPair& issuer, SystemTime issued_at);

// True from the second of "exp" on; a token without one does not expire.
bool HasExpired(const JwtClaims& claims, SystemTime now);

struct DecodedJwt {
  JwtClaims claims;
  std::string issuer;  // public nkey that signed it
  SystemTime issued_at;
  Json raw_header;
  Json raw_claims;
};

// Reads `token` and checks its shape, its header, its signature by the issuer that it names, and that a key
// of the issuer's kind may sign such a token: operators sign operators and accounts, accounts sign users and
// themselves. Whether that issuer is to be trusted, and whether the token has expired (see HasExpired), is
// the caller's question. Errors are InvalidArgument.
absl::StatusOr<DecodedJwt> DecodeJwt(std::string_view token);

// base64url without padding, as in the parts of a JWT.
std::string EncodeBase64Url(std::string_view bytes);
absl::StatusOr<std::string> DecodeBase64Url(std::string_view text);

}  // namespace meshwarden
