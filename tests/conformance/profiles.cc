#include "tests/conformance/profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "proto/identity/jwt.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "provisioning/minting/mint.h"

namespace meshwarden::conformance {
namespace {

using Strings = std::vector<std::string>;

// Objects compare whatever the order of their keys, lists in order.
nlohmann::json Unordered(const Json& json) { return nlohmann::json::parse(json.dump()); }

// What another folder's cases may know and these do not is a failure, not a silent pass.
absl::Status ReadOptions(const Json& options, ProfileOptions& permissions) {
  for (const auto& [key, value] : options.items()) {
    if (key == "allowSubscribe") {
      permissions.allow_subscribe = value.get<Strings>();
    } else if (key == "allowPublish") {
      permissions.allow_publish = value.get<Strings>();
    } else if (key == "role") {
      permissions.role = value.get<std::string>();
    } else if (key == "capabilities") {
      permissions.capabilities = value.get<Strings>();
    } else if (key == "manager") {
      permissions.manager_service = value.get<std::string>();
    } else {
      return absl::InvalidArgumentError(fmt::format("unknown option \"{}\"", key));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<MintOptions> ReadCase(const Json& test_case) {
  MintOptions options;
  options.name = test_case.at("profile").get<std::string>();
  // What the peers call "manager" has no restriction at all; ours of that name is scoped.
  MW_ASSIGN_OR_RETURN(options.profile,
                      ProfileByName(options.name == "manager" ? "unrestricted" : options.name));
  options.permissions.space = test_case.at("space").get<std::string>();
  options.permissions.id = test_case.at("id").get<std::string>();
  MW_RETURN_IF_ERROR(ReadOptions(test_case.at("opts"), options.permissions));
  return options;
}

absl::StatusOr<DecodedJwt> Mint(const MintOptions& options, const Json& credentials) {
  const Json& account = credentials.at("account");
  MW_ASSIGN_OR_RETURN(PublicNkey account_key, PublicNkey::Parse(account.at("pub").get<std::string>()));
  MW_ASSIGN_OR_RETURN(KeyPair signing_key, KeyPair::FromSeed(account.at("signingSeed").get<std::string>()));
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Make(options.permissions.space, std::move(account_key),
                                                        std::move(signing_key)));
  MW_ASSIGN_OR_RETURN(const std::string token, MintUserJwt(issuer, options, Clock::System()));
  return DecodeJwt(token);
}

nlohmann::json Comparable(const Json& claims) {
  nlohmann::json comparable = Unordered(claims);
  for (const char* key : {"iat", "exp", "jti", "iss"}) comparable.erase(key);
  return comparable;
}

// The leave to make a history reader on `channel`.
std::string HistoryGrant(const ProfileOptions& agent, const std::string& channel) {
  return fmt::format("$JS.API.CONSUMER.CREATE.{}.{}.{}.chat.*.{}", ChatStream(agent.space),
                     ChatHistoryConsumer(agent.id), SpacePrefix(agent.space), channel);
}

// Covering (spec section 5.1): that grant for a pattern that ends in "*" would also open the one that ends in
// ">", since a broker matches the token ">" by "*". Ours leave it out.
void LeaveOutWideningGrants(const ProfileOptions& agent, Json& claims) {
  Json& allow = claims.at("nats").at("pub").at("allow");
  for (const std::string& channel : agent.allow_subscribe.value_or(Strings{})) {
    if (channel != "*" && !channel.ends_with(".*")) continue;
    const auto grant = std::find(allow.begin(), allow.end(), HistoryGrant(agent, channel));
    if (grant != allow.end()) allow.erase(grant);
  }
}

// Our expected claims where the contract overrules the vector's: see above, and an admin names the subjects
// of messages, so that it can join no control service's queue group.
Json ExpectedClaims(const MintOptions& options, const Json& vector) {
  Json claims = vector;
  if (options.profile == Profile::kAgent) LeaveOutWideningGrants(options.permissions, claims);
  if (options.profile != Profile::kAdmin) return claims;
  const std::string prefix = SpacePrefix(options.permissions.space);
  claims.at("nats").at("sub").at("allow") = Strings{prefix + ".chat.>", prefix + ".inst.>", prefix + ".svc.>",
                                                    InboxPrefix(options.permissions.id) + ".>"};
  return claims;
}

void RunErrorCase(const std::string& label, const absl::StatusOr<DecodedJwt>& minted,
                  const std::string& expected, CaseResults& results) {
  const std::string actual = minted.ok() ? "no error" : MessageOf(minted.status());
  if (actual == expected) return results.Pass();
  results.Fail(fmt::format("{}: got \"{}\", expected \"{}\"", label, actual, expected));
}

void RunCase(const Json& test_case, const Json& credentials, CaseResults& results) {
  const std::string label =
      fmt::format("profile {} {}", DumpJson(test_case.at("profile")), DumpJson(test_case.at("opts")));
  const absl::StatusOr<MintOptions> options = ReadCase(test_case);
  if (!options.ok()) return results.Fail(fmt::format("{}: {}", label, MessageOf(options.status())));
  const absl::StatusOr<DecodedJwt> minted = Mint(*options, credentials);
  if (test_case.contains("error")) {
    return RunErrorCase(label, minted, test_case.at("error").get<std::string>(), results);
  }
  if (!minted.ok()) return results.Fail(fmt::format("{}: {}", label, MessageOf(minted.status())));

  const Json expected = ExpectedClaims(*options, test_case.at("claims"));
  const nlohmann::json ours = Comparable(minted->raw_claims);
  const nlohmann::json theirs = Comparable(expected);
  if (ours != theirs) {
    return results.Fail(fmt::format("{}: differs by {}", label, nlohmann::json::diff(theirs, ours).dump()));
  }
  if (Unordered(minted->raw_header) != Unordered(test_case.at("header"))) {
    return results.Fail(fmt::format("{}: header {}", label, DumpJson(minted->raw_header)));
  }
  if (expected == test_case.at("claims")) return results.Pass();
  results.DecideOtherwise();
}

}  // namespace

CaseResults RunProfileCases(const Json& cases, const Json& credentials) {
  CaseResults results;
  for (const Json& test_case : cases) {
    try {
      RunCase(test_case, credentials, results);
    } catch (const nlohmann::json::exception& malformed) {
      results.Fail(fmt::format("malformed case {}: {}", DumpJson(test_case), malformed.what()));
    }
  }
  return results;
}

}  // namespace meshwarden::conformance
