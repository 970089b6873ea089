// Creds files: a user JWT and the seed that proves its subject, in the usual NATS layout.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/secret.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"

namespace meshwarden {

inline constexpr std::size_t kMaxCredsBytes = 512 * 1024;

// A credential whose seed and JWT name the same identity. Movable, not copyable.
class Creds {
 public:
  // Reads the text of a creds file, LF or CRLF. InvalidArgument: no seed block, bad checksum, a seed that is
  // not the JWT's subject ("creds: seed identity U… != JWT subject U…"), a JWT that does not verify.
  static absl::StatusOr<Creds> Parse(std::string_view text);
  // Reads a creds file without leaving a copy of the seed outside locked memory.
  static absl::StatusOr<Creds> Load(const std::string& path);
  // Joins a JWT and the key pair that it was minted for; refuses them if they are not of one identity.
  static absl::StatusOr<Creds> Make(std::string jwt, KeyPair user);

  // The identity: the public user nkey.
  const std::string& id() const { return user_.public_key().text(); }
  const std::string& jwt() const { return jwt_; }
  const DecodedJwt& decoded() const { return decoded_; }
  // Signs a server's nonce.
  Signature Sign(std::string_view nonce) const { return user_.Sign(nonce); }
  const KeyPair& key_pair() const { return user_; }

  // The file's text, in locked memory.
  Secret Format() const;
  // Writes the file with mode 0600, atomically.
  absl::Status Save(const std::string& path, IfExists if_exists) const;

 private:
  Creds(std::string jwt, DecodedJwt decoded, KeyPair user);
  std::string jwt_;
  DecodedJwt decoded_;
  KeyPair user_;
};

}  // namespace meshwarden
