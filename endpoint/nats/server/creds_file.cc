#include "endpoint/nats/server/creds_file.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

// The account that a credential belongs to: named in it, or the one that signed it.
std::string AccountOf(const Creds& creds) {
  const Json& nats = creds.decoded().claims.nats;
  const auto named = nats.find("issuer_account");
  if (named != nats.end() && named->is_string() && !named->get_ref<const std::string&>().empty()) {
    return named->get<std::string>();
  }
  return creds.decoded().issuer;
}

}  // namespace

std::string ExpiryText(const Creds& creds, SystemTime now) {
  const JwtClaims& claims = creds.decoded().claims;
  if (!HasExpired(claims, now)) return "";
  return fmt::format("the credential expired at {:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(*claims.expires)));
}

CredsFile::CredsFile(std::string path, Check check, std::shared_ptr<const Creds> first)
    : path_(std::move(path)),
      check_(std::move(check)),
      id_(first->id()),
      account_(AccountOf(*first)),
      in_hand_(std::move(first)) {}

absl::StatusOr<std::shared_ptr<CredsFile>> CredsFile::Open(std::string path, Check check) {
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Load(path));
  return std::shared_ptr<CredsFile>(
      new CredsFile(std::move(path), std::move(check), std::make_shared<const Creds>(std::move(creds))));
}

std::shared_ptr<const Creds> CredsFile::in_hand() const {
  MutexLock lock(mutex_);
  return in_hand_;
}

CredsFile::Offer CredsFile::Read(SystemTime now) const {
  const std::shared_ptr<const Creds> held = in_hand();
  absl::StatusOr<std::shared_ptr<const Creds>> fresh = ReadFresh(*held);
  if (!fresh.ok()) {
    return {.creds = {held},
            .trouble = Annotate(fresh.status(),
                                "what lies in the creds file is not used, but what was read before")};
  }
  if (*fresh == nullptr) return {.creds = {held}, .trouble = absl::OkStatus()};
  Offer offer{.creds = {*std::move(fresh)}, .trouble = absl::OkStatus()};
  if (!HasExpired(held->decoded().claims, now)) offer.creds.push_back(held);
  return offer;
}

// Null: the file holds what is in hand.
absl::StatusOr<std::shared_ptr<const Creds>> CredsFile::ReadFresh(const Creds& in_hand) const {
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Load(path_));
  if (creds.jwt() == in_hand.jwt()) return nullptr;
  MW_RETURN_IF_ERROR(CheckSameIdentity(creds));
  if (check_ != nullptr) MW_RETURN_IF_ERROR(Annotate(check_(creds), path_));
  return std::make_shared<const Creds>(std::move(creds));
}

absl::Status CredsFile::CheckSameIdentity(const Creds& creds) const {
  if (creds.id() != id_) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds the identity {}, and this program began as {}; put that one's credential there, or "
        "start the program again",
        path_, creds.id(), id_));
  }
  if (std::string account = AccountOf(creds); account != account_) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds a credential of account {}, and this program began in {}; put one of that account "
        "there, or start the program again",
        path_, account, account_));
  }
  return absl::OkStatus();
}

void CredsFile::Accept(std::shared_ptr<const Creds> creds) {
  MutexLock lock(mutex_);
  in_hand_ = std::move(creds);
}

}  // namespace meshwarden
