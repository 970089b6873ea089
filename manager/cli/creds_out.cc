#include "manager/cli/creds_out.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/private_file.h"
#include "base/secret.h"
#include "base/status.h"
#include "proto/token.h"
#include "provisioning/minting/credential.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxSeedFileBytes = 4096;

absl::StatusOr<KeyPair> ReadSeed(const std::string& path, std::string_view what) {
  absl::StatusOr<Secret> text = ReadSecretFile(path, kMaxSeedFileBytes);
  MW_RETURN_IF_ERROR(Annotate(text.status(), what));
  absl::StatusOr<KeyPair> key = KeyPair::FromSeed(TrimWhiteSpace(text->ExposeText()));
  MW_RETURN_IF_ERROR(Annotate(key.status(), fmt::format("{}: {}", what, path)));
  if (key->public_key().kind() != NkeyKind::kUser) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} is not a user's seed, which begins with SU", what, path));
  }
  return key;
}

std::string BegunPath(const std::string& path) { return path + ".begun"; }

// The creds file is there, so that what is left of this is of no harm.
void Forget(const std::string& path) {
  std::error_code ignored;
  if (!path.empty()) std::filesystem::remove(path, ignored);
}

// Of a run that was stopped when its file was there already.
void ForgetLeftOver(const std::string& path, const std::string& id) {
  const std::string begun = BegunPath(path);
  if (!CheckPrivateFile(begun).ok()) return;
  const absl::StatusOr<KeyPair> user = ReadSeed(begun, "an earlier run left this");
  if (user.ok() && user->public_key().text() == id) Forget(begun);
}

absl::Status CheckSame(const std::string& path, const std::string& id, const std::optional<KeyPair>& given) {
  if (!given.has_value() || given->public_key().text() == id) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is there and holds the identity {}, not the seed's {}; choose another --out", path, id,
                  given->public_key().text()));
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

std::string CredsOut::kept_in() const { return begun_ == Begun::kNo ? std::string() : BegunPath(path_); }

absl::StatusOr<CredsOut> CredsOut::Open(std::string path, const std::string& seed_file,
                                        const PublicNkey& account) {
  std::optional<KeyPair> given;
  if (!seed_file.empty()) {
    MW_ASSIGN_OR_RETURN(given, ReadSeed(seed_file, "--id-seed"));
  }
  MW_ASSIGN_OR_RETURN(const std::optional<Creds> existing, ReadExisting(path, account));
  if (existing.has_value()) {
    MW_RETURN_IF_ERROR(CheckSame(path, existing->id(), given));
    MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::FromSeed(existing->key_pair().Seed().ExposeText()));
    CredsOut out(std::move(path), std::move(user));
    out.existing_ = existing->decoded();
    ForgetLeftOver(out.path_, out.id());
    MW_RETURN_IF_ERROR(Annotate(CheckCanWrite(out.path_), "--out"));
    return out;
  }
  MW_ASSIGN_OR_RETURN(std::optional<KeyPair> begun, ReadBegun(path, given));
  if (begun.has_value()) {
    CredsOut out(std::move(path), *std::move(begun));
    out.begun_ = Begun::kEarlier;
    MW_RETURN_IF_ERROR(Annotate(CheckCanWrite(out.path_), "--out"));
    return out;
  }
  const bool is_new = !given.has_value();
  if (is_new) {
    MW_ASSIGN_OR_RETURN(given, KeyPair::Generate(NkeyKind::kUser));
  }
  CredsOut out(std::move(path), *std::move(given));
  // One that was given is kept by whoever gave it.
  MW_RETURN_IF_ERROR(Annotate(is_new ? out.KeepIdentity() : CheckCanWrite(out.path_), "--out"));
  return out;
}

absl::StatusOr<std::optional<KeyPair>> CredsOut::ReadBegun(const std::string& path,
                                                           const std::optional<KeyPair>& given) {
  const std::string begun = BegunPath(path);
  const absl::Status own = CheckPrivateFile(begun);
  if (absl::IsNotFound(own)) return std::optional<KeyPair>();
  MW_RETURN_IF_ERROR(own);
  absl::StatusOr<KeyPair> user = ReadSeed(begun, "an earlier run left this");
  if (!user.ok()) return Annotate(user.status(), "remove it, or choose another --out");
  MW_RETURN_IF_ERROR(CheckSame(begun, user->public_key().text(), given));
  return std::optional<KeyPair>(*std::move(user));
}

absl::Status CredsOut::KeepIdentity() {
  const Secret seed = user_.Seed();
  MW_RETURN_IF_ERROR(WriteFile(BegunPath(path_), seed.ExposeText(),
                               {.mode = FileMode::kOwnerOnly, .if_exists = IfExists::kFail}));
  begun_ = Begun::kNow;
  return absl::OkStatus();
}

absl::Status CredsOut::Write(std::string jwt, SystemTime now) && {
  MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Make(std::move(jwt), std::move(user_)));
  if (existing_.has_value() && existing_->issuer == creds.decoded().issuer &&
      GrantsTheSame(existing_->claims, creds.decoded().claims) && IsFresh(*existing_, now)) {
    return absl::OkStatus();
  }
  MW_RETURN_IF_ERROR(creds.Save(path_, existing_.has_value() ? IfExists::kReplace : IfExists::kFail));
  Forget(kept_in());
  return absl::OkStatus();
}

void CredsOut::Discard() && {
  if (begun_ == Begun::kNow) Forget(kept_in());
}

}  // namespace meshwarden
