#include "manager/cli/creds_out.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/secret.h"
#include "base/status.h"
#include "proto/token.h"
#include "provisioning/credential.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxSeedFileBytes = 4096;

absl::StatusOr<KeyPair> ReadSeed(const std::string& path) {
  absl::StatusOr<Secret> text = ReadSecretFile(path, kMaxSeedFileBytes);
  MW_RETURN_IF_ERROR(Annotate(text.status(), "--id-seed"));
  absl::StatusOr<KeyPair> key = KeyPair::FromSeed(TrimWhiteSpace(text->ExposeText()));
  MW_RETURN_IF_ERROR(Annotate(key.status(), fmt::format("--id-seed: {}", path)));
  if (key->public_key().kind() != NkeyKind::kUser) {
    return absl::InvalidArgumentError(
        fmt::format("--id-seed: {} is not a user's seed, which begins with SU", path));
  }
  return key;
}

absl::Status CheckAccount(const Creds& creds, const std::string& path, const PublicNkey& account) {
  absl::StatusOr<CredentialView> view = ViewCredential(creds.decoded());
  MW_RETURN_IF_ERROR(Annotate(view.status(), path));
  if (view->account == account.text()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      fmt::format("{} is there and holds a credential of another account; choose another --out", path));
}

// Nothing if there is no file.
absl::StatusOr<std::optional<Creds>> ReadExisting(const std::string& path, const PublicNkey& account) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return std::optional<Creds>();
  }
  absl::StatusOr<Creds> creds = Creds::Load(path);
  if (!creds.ok()) {
    return Annotate(creds.status(), "--out is there and is no creds file; choose another");
  }
  MW_RETURN_IF_ERROR(CheckAccount(*creds, path, account));
  return std::optional<Creds>(*std::move(creds));
}

bool GrantsTheSame(const JwtClaims& a, const JwtClaims& b) {
  return a.subject == b.subject && a.name == b.name && a.nats == b.nats &&
         a.expires.has_value() == b.expires.has_value();
}

// At least three quarters of its lifetime lie ahead.
bool IsFresh(const DecodedJwt& jwt, SystemTime now) {
  return !jwt.claims.expires.has_value() ||
         (*jwt.claims.expires - now) * 4 >= (*jwt.claims.expires - jwt.issued_at) * 3;
}

}  // namespace

CredsOut::CredsOut(std::string path, KeyPair user, std::optional<DecodedJwt> existing)
    : path_(std::move(path)), user_(std::move(user)), existing_(std::move(existing)) {}

absl::StatusOr<CredsOut> CredsOut::Open(std::string path, const std::string& seed_file,
                                        const PublicNkey& account) {
  std::optional<KeyPair> user;
  if (!seed_file.empty()) {
    MW_ASSIGN_OR_RETURN(user, ReadSeed(seed_file));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<Creds> existing, ReadExisting(path, account));
  if (existing.has_value() && user.has_value() && existing->id() != user->public_key().text()) {
    return absl::FailedPreconditionError(
        fmt::format("{} is there and holds the identity {}, not the seed's {}; choose another --out", path,
                    existing->id(), user->public_key().text()));
  }
  if (existing.has_value() && !user.has_value()) {
    MW_ASSIGN_OR_RETURN(user, KeyPair::FromSeed(existing->key_pair().Seed().ExposeText()));
  }
  if (!user.has_value()) {
    MW_ASSIGN_OR_RETURN(user, KeyPair::Generate(NkeyKind::kUser));
  }
  return CredsOut(std::move(path), *std::move(user),
                  existing.has_value() ? std::optional(existing->decoded()) : std::nullopt);
}

absl::Status CredsOut::Write(std::string jwt, SystemTime now) && {
  MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Make(std::move(jwt), std::move(user_)));
  if (existing_.has_value() && existing_->issuer == creds.decoded().issuer &&
      GrantsTheSame(existing_->claims, creds.decoded().claims) && IsFresh(*existing_, now)) {
    return absl::OkStatus();
  }
  return creds.Save(path_, existing_.has_value() ? IfExists::kReplace : IfExists::kFail);
}

}  // namespace meshwarden
