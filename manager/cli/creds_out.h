// The creds file that a command is to write, and the identity that goes into it.
//
// A new identity is kept beside it, in `<path>.begun`, from before anything is made for it until the creds
// file is there: so a command that was stopped, or did not hear what became of its request, is finished by
// repeating it.
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
// file that is there already, else the one that an earlier run began with, else a new one. Movable, not
// copyable.
class CredsOut {
 public:
  // Once this is OK, the file can be written as far as that can be known. `seed_file` may be empty.
  // FailedPrecondition if a file at `path`, or what an earlier run left, holds another identity than the
  // seed's, if the file is a credential of another account than `account`, or if somebody else may have had
  // his hands in what an earlier run left; such a file is never written over. Errors of WriteFile.
  static absl::StatusOr<CredsOut> Open(std::string path, const std::string& seed_file,
                                       const PublicNkey& account);

  const std::string& id() const { return user_.public_key().text(); }
  // True if the identity was used before: it is in the file that is there, or an earlier run began with it.
  bool used_before() const { return existing_.has_value() || begun_ == Begun::kEarlier; }
  // Where the identity is kept until the file is there; empty if that is not needed.
  std::string kept_in() const;

  // Writes `jwt` and the identity's seed with mode 0600, atomically. A file that grants the same and has most
  // of its lifetime left at `now` is left as it is.
  absl::Status Write(std::string jwt, SystemTime now) &&;

  // Nothing was made for the identity: forgets it, if it is new.
  void Discard() &&;

 private:
  // What lies in `<path>.begun`: nothing that this is about, or the identity.
  enum class Begun { kNo, kEarlier, kNow };

  CredsOut(std::string path, KeyPair user) : path_(std::move(path)), user_(std::move(user)) {}
  // Takes up what an earlier run has left, if it is `given` or none is given.
  static absl::StatusOr<std::optional<KeyPair>> ReadBegun(const std::string& path,
                                                          const std::optional<KeyPair>& given);
  absl::Status KeepIdentity();

  std::string path_;
  KeyPair user_;
  std::optional<DecodedJwt> existing_;
  Begun begun_ = Begun::kNo;
};

}  // namespace meshwarden
