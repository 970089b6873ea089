#include "provisioning/space/harden.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/secret.h"
#include "base/status.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/credential.h"
#include "provisioning/minting/mint.h"
#include "provisioning/minting/space_secrets.h"
#include "provisioning/space/api_mappings.h"
#include "provisioning/space/server_config.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr std::size_t kMaxSeedFileBytes = 1024;

// One credential of the space that carries its secrets, and the file it is in.
struct Holder {
  std::string path;
  Profile profile;
  Creds creds;
  CredentialView view;
};

// What is to be written, in this order.
struct PlannedFile {
  std::string path;
  Secret contents;
};

absl::StatusOr<KeyPair> LoadSeed(const std::string& path) {
  MW_ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path, kMaxSeedFileBytes));
  std::string_view seed = text.ExposeText();
  while (!seed.empty() && (seed.back() == '\n' || seed.back() == '\r')) seed.remove_suffix(1);
  absl::StatusOr<KeyPair> key = KeyPair::FromSeed(seed);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<Holder> LoadHolder(const std::string& directory, Profile profile) {
  std::string path = fmt::format("{}/creds/{}.creds", directory, NameOf(profile));
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Load(path));
  absl::StatusOr<CredentialView> view = ViewCredential(creds.decoded());
  if (!view.ok()) return Annotate(view.status(), path);
  if (view->profile != profile) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no credential of profile {}; put the one there that space init wrote, or take the "
                    "file away and mint one with meshwarden creds mint --profile {}",
                    path, NameOf(profile), NameOf(profile)));
  }
  return Holder{
      .path = std::move(path), .profile = profile, .creds = std::move(creds), .view = *std::move(view)};
}

// The file that a link leads to would stay as it is, with what must not be used any more.
absl::Status CheckNoLink(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{} is a symbolic link, and space harden replaces files whole; put the file itself there", path));
}

bool IsOpenToOthers(const std::string& path) {
  using std::filesystem::perms;
  std::error_code error;
  const perms standing = std::filesystem::status(path, error).permissions();
  return !error && (standing & (perms::group_read | perms::others_read)) != perms::none;
}

Json MappingsOf(const JwtClaims& claims) {
  const auto found = claims.nats.find("mappings");
  return found != claims.nats.end() && found->is_object() ? *found : Json::object();
}

// The system account's claims with our mappings in place of earlier ones of ours; others stay.
JwtClaims WithMappings(JwtClaims claims, std::string_view space, std::string_view token) {
  Json ours = ApiMappings(space, token);
  Json mappings = Json::object();
  const Json standing = MappingsOf(claims);
  const std::string earlier = TokenOfMappings(standing);
  const Json before = earlier.empty() ? Json::object() : ApiMappings(space, earlier);
  for (const auto& item : standing.items()) {
    if (!before.contains(item.key()) && !ours.contains(item.key())) mappings[item.key()] = item.value();
  }
  for (auto& item : ours.items()) mappings[item.key()] = std::move(item.value());
  claims.nats["mappings"] = std::move(mappings);
  return claims;
}

class Hardening {
 public:
  Hardening(const HardenOptions& options, const Clock& clock)
      : options_(options), clock_(clock), directory_(options.directory) {}

  absl::StatusOr<HardenResult> Run() {
    MW_ASSIGN_OR_RETURN(const KeyPair operator_key, LoadSeed(directory_ + "/keys/operator.nk"));
    MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Load(directory_ + "/issuer.json"));
    MW_ASSIGN_OR_RETURN(const Holder setup, LoadHolder(directory_, Profile::kSetup));
    MW_ASSIGN_OR_RETURN(const Holder mover, LoadHolder(directory_, Profile::kMover));
    const std::string config_path = directory_ + "/server.conf";
    for (const std::string& path : {config_path, setup.path, mover.path}) {
      MW_RETURN_IF_ERROR(CheckNoLink(path));
    }
    MW_ASSIGN_OR_RETURN(const std::string config, ReadFile(config_path, kMaxConfigBytes));
    absl::StatusOr<std::string> system_jwt = SystemJwtIn(config);
    if (!system_jwt.ok()) return Annotate(system_jwt.status(), config_path);
    MW_ASSIGN_OR_RETURN(const DecodedJwt system, DecodeJwt(*system_jwt));
    MW_RETURN_IF_ERROR(CheckSigner(system, operator_key, config_path));

    const SpaceSecrets secrets = Choose(system, setup.view.secrets, mover.view.secrets);
    // First what a repeat takes the token from: stopped behind it, a rotation isn't undone by the repeat.
    const JwtClaims claims = WithMappings(system.claims, issuer.space(), secrets.api);
    if (claims.nats != system.claims.nats) {
      MW_ASSIGN_OR_RETURN(const std::string jwt, EncodeJwt(claims, operator_key, clock_.Now()));
      std::string changed = config;
      changed.replace(changed.find(*system_jwt), system_jwt->size(), jwt);
      files_.push_back({.path = config_path, .contents = Secret::CopyOf(changed)});
      config_was_open_ = IsOpenToOthers(config_path);
    }
    for (const Holder* holder : {&setup, &mover}) MW_RETURN_IF_ERROR(PlanHolder(*holder, issuer, secrets));
    MW_RETURN_IF_ERROR(PlanWatcher(issuer));
    return Write(issuer.space());
  }

 private:
  static absl::Status CheckSigner(const DecodedJwt& system, const KeyPair& operator_key,
                                  const std::string& path) {
    if (system.issuer == operator_key.public_key().text()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("the system account in {} is of another operator than keys/operator.nk; name the folder "
                    "that space init wrote both to",
                    path));
  }

  SpaceSecrets Choose(const DecodedJwt& system, const SpaceSecrets& setup, const SpaceSecrets& mover) const {
    SpaceSecrets secrets = MakeSpaceSecrets();
    const std::string standing = TokenOfMappings(MappingsOf(system.claims));
    if (options_.token == HardenOptions::ApiToken::kKeep && !standing.empty()) secrets.api = standing;
    for (const std::string& records : {mover.records, setup.records}) {
      if (!records.empty()) secrets.records = records;
    }
    return secrets;
  }

  absl::Status PlanHolder(const Holder& holder, const Issuer& issuer, const SpaceSecrets& secrets) {
    if (holder.view.secrets == secrets) return absl::OkStatus();
    MintOptions mint;
    mint.profile = holder.profile;
    mint.name = holder.view.name;
    mint.permissions.space = issuer.space();
    mint.permissions.id = holder.view.id;
    mint.permissions.secrets = secrets;
    if (holder.view.expires.has_value()) {
      mint.ttl = std::chrono::ceil<std::chrono::seconds>(*holder.view.expires - clock_.Now());
    }
    absl::StatusOr<std::string> jwt = MintUserJwt(issuer, mint, clock_);
    if (!jwt.ok()) return Annotate(jwt.status(), holder.path);
    const Secret seed = holder.creds.key_pair().Seed();
    MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::FromSeed(seed.ExposeText()));
    MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Make(*std::move(jwt), std::move(user)));
    files_.push_back({.path = holder.path, .contents = creds.Format()});
    return absl::OkStatus();
  }

  absl::Status PlanWatcher(const Issuer& issuer) {
    std::string path = fmt::format("{}/creds/{}.creds", directory_, NameOf(Profile::kWatcher));
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, error))) return absl::OkStatus();
    MintOptions mint;
    mint.profile = Profile::kWatcher;
    mint.permissions.space = issuer.space();
    MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
    MW_ASSIGN_OR_RETURN(const Creds creds, MintCreds(issuer, std::move(mint), std::move(user), clock_));
    files_.push_back({.path = std::move(path), .contents = creds.Format()});
    return absl::OkStatus();
  }

  absl::StatusOr<HardenResult> Write(const std::string& space) {
    HardenResult result{.space = space, .written = {}, .config_was_open = config_was_open_};
    for (const PlannedFile& file : files_) {
      const absl::Status status =
          WriteFile(file.path, file.contents.ExposeText(),
                    {.mode = FileMode::kOwnerOnly, .if_exists = IfExists::kReplaceForItsOwner});
      if (!status.ok()) return Annotate(status, "space harden stopped; run the same command again");
      result.written.push_back(file.path);
    }
    return result;
  }

  const HardenOptions& options_;
  const Clock& clock_;
  const std::string directory_;
  std::vector<PlannedFile> files_;
  bool config_was_open_ = false;
};

}  // namespace

absl::StatusOr<HardenResult> HardenSpace(const HardenOptions& options, const Clock& clock) {
  return Hardening(options, clock).Run();
}

}  // namespace meshwarden
