#include "provisioning/space/trust_chain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "policy/limits.h"
#include "proto/identity/jwt.h"
#include "proto/token.h"
#include "provisioning/space/api_mappings.h"

namespace meshwarden {
namespace {

constexpr int kUnlimited = -1;
// Servers from 2.15 on allow 1,000 consumers a stream unless the account names a number; "unlimited" does not
// count as one.
constexpr int kMaxConsumers = 1'000'000;

// As a policy and the daemon's configuration must have it: a name that only they refuse would be found out
// when everything else is there.
absl::Status CheckSpace(std::string_view space) {
  if (IsSafeToken(space) && space.size() <= kMaxNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} can't be a space's name: that has 1 to {} letters, digits, '_' and '-', since it "
                  "becomes part of subjects",
                  Quoted(space), kMaxNameBytes));
}

// Every limit of an account open, but for JetStream storage as given.
Json AccountLimits(int storage) {
  Json limits = Json::object();
  for (const char* name : {"subs", "conn", "leaf", "imports", "exports", "data", "payload"}) {
    limits[name] = kUnlimited;
  }
  limits["wildcards"] = true;
  limits["mem_storage"] = storage;
  limits["disk_storage"] = storage;
  return limits;
}

Json OperatorNats(const PublicNkey& system) {
  return Json{{"system_account", system.text()}, {"type", "operator"}, {"version", 2}};
}

Json SpaceNats(const PublicNkey& signing) {
  Json limits = AccountLimits(kUnlimited);
  limits["consumer"] = kMaxConsumers;
  return Json{{"signing_keys", Json::array({signing.text()})},
              {"limits", std::move(limits)},
              {"type", "account"},
              {"version", 2}};
}

Json SystemNats(std::string_view space, std::string_view token) {
  return Json{{"limits", AccountLimits(0)},
              {"mappings", ApiMappings(space, token)},
              {"type", "account"},
              {"version", 2}};
}

JwtClaims Claims(const PublicNkey& subject, std::string name, Json nats) {
  return {
      .subject = subject.text(), .name = std::move(name), .nats = std::move(nats), .expires = std::nullopt};
}

}  // namespace

absl::StatusOr<TrustChain> MakeTrustChain(std::string_view space, const Clock& clock) {
  MW_RETURN_IF_ERROR(CheckSpace(space));
  MW_ASSIGN_OR_RETURN(KeyPair operator_key, KeyPair::Generate(NkeyKind::kOperator));
  MW_ASSIGN_OR_RETURN(KeyPair account_key, KeyPair::Generate(NkeyKind::kAccount));
  MW_ASSIGN_OR_RETURN(KeyPair signing_key, KeyPair::Generate(NkeyKind::kAccount));
  MW_ASSIGN_OR_RETURN(KeyPair system_key, KeyPair::Generate(NkeyKind::kAccount));
  const SystemTime now = clock.Now();
  const std::string name(space);
  MW_ASSIGN_OR_RETURN(std::string operator_jwt, EncodeJwt(Claims(operator_key.public_key(), "cotal-" + name,
                                                                 OperatorNats(system_key.public_key())),
                                                          operator_key, now));
  MW_ASSIGN_OR_RETURN(std::string account_jwt,
                      EncodeJwt(Claims(account_key.public_key(), name, SpaceNats(signing_key.public_key())),
                                operator_key, now));
  SpaceSecrets secrets = MakeSpaceSecrets();
  MW_ASSIGN_OR_RETURN(
      std::string system_jwt,
      EncodeJwt(Claims(system_key.public_key(), "SYS", SystemNats(space, secrets.api)), operator_key, now));
  return TrustChain{.space = name,
                    .operator_key = std::move(operator_key),
                    .account_key = std::move(account_key),
                    .signing_key = std::move(signing_key),
                    .system_key = std::move(system_key),
                    .operator_jwt = std::move(operator_jwt),
                    .account_jwt = std::move(account_jwt),
                    .system_jwt = std::move(system_jwt),
                    .secrets = std::move(secrets)};
}

}  // namespace meshwarden
