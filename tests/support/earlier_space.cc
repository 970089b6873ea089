#include "tests/support/earlier_space.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"
#include "provisioning/space/server_config.h"

namespace meshwarden::testing {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

absl::Status MintAnew(const std::string& directory, Profile profile,
                      std::optional<std::chrono::seconds> ttl) {
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Load(directory + "/issuer.json"));
  MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  MintOptions mint;
  mint.profile = profile;
  mint.permissions.space = issuer.space();
  mint.ttl = ttl;
  MW_ASSIGN_OR_RETURN(const Creds creds,
                      MintCreds(issuer, std::move(mint), std::move(user), Clock::System()));
  return creds.Save(fmt::format("{}/creds/{}.creds", directory, NameOf(profile)), IfExists::kReplace);
}

}  // namespace

absl::Status ChangeSystemAccount(const std::string& directory, const std::function<void(Json&)>& change) {
  const std::string path = directory + "/server.conf";
  MW_ASSIGN_OR_RETURN(std::string config, ReadFile(path, kMaxBytes));
  MW_ASSIGN_OR_RETURN(const std::string jwt, SystemJwtIn(config));
  MW_ASSIGN_OR_RETURN(const DecodedJwt system, DecodeJwt(jwt));
  MW_ASSIGN_OR_RETURN(std::string seed, ReadFile(directory + "/keys/operator.nk", kMaxBytes));
  seed.pop_back();  // the line end
  MW_ASSIGN_OR_RETURN(const KeyPair operator_key, KeyPair::FromSeed(seed));
  JwtClaims claims = system.claims;
  change(claims.nats);
  MW_ASSIGN_OR_RETURN(const std::string changed, EncodeJwt(claims, operator_key, system.issued_at));
  config.replace(config.find(jwt), jwt.size(), changed);
  return WriteFile(path, config, {.mode = FileMode::kReadable, .if_exists = IfExists::kReplace});
}

absl::Status MakeItOfAnEarlierVersion(const std::string& directory, std::optional<std::chrono::seconds> ttl) {
  MW_RETURN_IF_ERROR(ChangeSystemAccount(directory, [](Json& nats) { nats.erase("mappings"); }));
  MW_RETURN_IF_ERROR(MintAnew(directory, Profile::kSetup, ttl));
  MW_RETURN_IF_ERROR(MintAnew(directory, Profile::kMover, ttl));
  std::filesystem::remove(directory + "/creds/watcher.creds");
  return absl::OkStatus();
}

}  // namespace meshwarden::testing
