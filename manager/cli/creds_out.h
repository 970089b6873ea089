// The creds file that a command is to write, and the identity that goes into it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "base/clock.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"

namespace meshwarden {

// Settles on an identity before anything is made for it: the one whose seed is given, else the one in the
// file that is there already, else a new one. Movable, not copyable.
class CredsOut {
 public:
  // `seed_file` may be empty. FailedPrecondition if a file at `path` holds another identity than the seed's,
  // or a credential of another account than `account`; such a file is never written over.
  static absl::StatusOr<CredsOut> Open(std::string path, const std::string& seed_file,
                                       const PublicNkey& account);

  const std::string& id() const { return user_.public_key().text(); }
  // True if the file is there, with the identity in it.
  bool exists() const { return existing_.has_value(); }

  // Writes `jwt` and the identity's seed with mode 0600, atomically. A file that grants the same and has most
  // of its lifetime left at `now` is left as it is.
  absl::Status Write(std::string jwt, SystemTime now) &&;

 private:
  CredsOut(std::string path, KeyPair user, std::optional<DecodedJwt> existing);

  std::string path_;
  KeyPair user_;
  std::optional<DecodedJwt> existing_;
};

}  // namespace meshwarden
