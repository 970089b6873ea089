// A creds file that a program logs in with for as long as it runs, though what lies in it is renewed.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "proto/identity/creds.h"

namespace meshwarden {

// "the credential expired at 2026-05-04T10:11:12Z", if it has at `now`; else empty.
std::string ExpiryText(const Creds& creds, SystemTime now);

// Read anew for each login. Who the program is does not change by that: a file that holds another identity,
// or one of another account, is refused. Several connections may share one. Thread-safe.
class CredsFile {
 public:
  // Says why a credential of the right identity is not to be used all the same; called on the threads of
  // connections, for what was not in hand before.
  using Check = std::function<absl::Status(const Creds& creds)>;

  // Reads the file; the identity in it is the program's from then on. `check`, which may be null, is not
  // asked about this first one. Errors as Creds::Load has them.
  static absl::StatusOr<std::shared_ptr<CredsFile>> Open(std::string path, Check check = nullptr);

  const std::string& path() const { return path_; }
  const std::string& id() const { return id_; }
  // What the last login was granted to, or what was read first.
  std::shared_ptr<const Creds> in_hand() const;

  struct Offer {
    // To log in with, in this order: what lies in the file now, and what is in hand, if that is another and
    // has not expired. Never empty.
    std::vector<std::shared_ptr<const Creds>> creds;
    // Why what lies in the file now is not among them; for people.
    absl::Status trouble;
  };
  // Reads the file. Blocks for as long as that takes.
  Offer Read(SystemTime now) const;
  // The server has taken it: it is in hand from now on.
  void Accept(std::shared_ptr<const Creds> creds);

 private:
  CredsFile(std::string path, Check check, std::shared_ptr<const Creds> first);
  absl::StatusOr<std::shared_ptr<const Creds>> ReadFresh(const Creds& in_hand) const;
  absl::Status CheckSameIdentity(const Creds& creds) const;

  const std::string path_;
  const Check check_;
  const std::string id_;
  const std::string account_;
  mutable Mutex mutex_;
  std::shared_ptr<const Creds> in_hand_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
