#include "tests/conformance/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"
#include "provisioning/space/server_config.h"
#include "provisioning/space/trust_chain.h"
#include "tests/conformance/server_settings.h"

namespace meshwarden::conformance {
namespace {

std::string Text(const Json& object, const char* key) { return object.at(key).get<std::string>(); }

// Objects compare whatever the order of their keys, lists in order.
bool SameJson(const Json& a, const Json& b) {
  return nlohmann::json::parse(a.dump()) == nlohmann::json::parse(b.dump());
}

// One case: passes if it returns OK.
void Count(std::string_view label, const absl::Status& outcome, CaseResults& results) {
  if (outcome.ok()) return results.Pass();
  results.Fail(fmt::format("{}: {}", label, MessageOf(outcome)));
}

absl::Status Expect(bool holds, std::string_view what) {
  return holds ? absl::OkStatus() : absl::FailedPreconditionError(std::string(what));
}

absl::Status CheckSeed(const std::string& seed, const std::string& public_key) {
  MW_ASSIGN_OR_RETURN(const KeyPair pair, KeyPair::FromSeed(seed));
  MW_RETURN_IF_ERROR(Expect(pair.public_key().text() == public_key,
                            fmt::format("its key is {}, not {}", pair.public_key().text(), public_key)));
  return Expect(pair.Seed().ExposeText() == seed, "the seed is written differently");
}

void RunSeedCases(const Json& credentials, CaseResults& results) {
  const Json& account = credentials.at("account");
  const Json& operator_ = credentials.at("operator");
  Count("operator seed", CheckSeed(Text(operator_, "seed"), Text(operator_.at("claims"), "sub")), results);
  Count("account seed", CheckSeed(Text(account, "seed"), Text(account, "pub")), results);
  Count("signing seed", CheckSeed(Text(account, "signingSeed"), Text(account, "signingPub")), results);
  for (const Json& user : credentials.at("users")) {
    Count("user seed", CheckSeed(Text(user, "seed"), Text(user, "id")), results);
  }
}

absl::Status CheckToken(const Json& party) {
  MW_ASSIGN_OR_RETURN(const DecodedJwt jwt, DecodeJwt(Text(party, "jwt")));
  MW_RETURN_IF_ERROR(Expect(SameJson(jwt.raw_claims, party.at("claims")), "other claims than the vector's"));
  return Expect(!party.contains("header") || SameJson(jwt.raw_header, party.at("header")),
                "another header than the vector's");
}

// The same claims, signed again at the same second: the same token but for the order of keys, "jti" included,
// which is a hash of the rest.
absl::Status CheckEncoding(const Json& party, const std::string& issuer_seed) {
  MW_ASSIGN_OR_RETURN(const DecodedJwt theirs, DecodeJwt(Text(party, "jwt")));
  MW_ASSIGN_OR_RETURN(const KeyPair issuer, KeyPair::FromSeed(issuer_seed));
  MW_ASSIGN_OR_RETURN(const std::string token, EncodeJwt(theirs.claims, issuer, theirs.issued_at));
  MW_ASSIGN_OR_RETURN(const DecodedJwt ours, DecodeJwt(token));
  return Expect(SameJson(ours.raw_claims, theirs.raw_claims),
                fmt::format("encoded again as {}", DumpJson(ours.raw_claims)));
}

void RunTokenCases(const Json& credentials, CaseResults& results) {
  for (const char* party : {"operator", "account", "sys"}) {
    Count(fmt::format("{} token", party), CheckToken(credentials.at(party)), results);
    Count(fmt::format("{} token encoded", party),
          CheckEncoding(credentials.at(party), Text(credentials.at("operator"), "seed")), results);
  }
}

// The "nats" claims with each key of `names` replaced by what the key is for.
std::string WithoutKeys(std::string nats, const std::map<std::string, std::string>& names) {
  for (const auto& [key, name] : names) {
    for (std::size_t at = 0; (at = nats.find(key)) != std::string::npos;) nats.replace(at, key.size(), name);
  }
  return nats;
}

// A trust chain that we make says the same of new keys. The account's consumer limit and the system account's
// mappings are ours alone.
absl::Status CheckTrustChain(const Json& credentials) {
  const Json& account = credentials.at("account");
  MW_ASSIGN_OR_RETURN(const TrustChain chain,
                      MakeTrustChain(Text(account.at("claims"), "name"), Clock::System()));
  const std::map<std::string, std::string> our_keys = {{chain.signing_key.public_key().text(), "signing"},
                                                       {chain.system_key.public_key().text(), "system"}};
  const std::map<std::string, std::string> their_keys = {{Text(account, "signingPub"), "signing"},
                                                         {Text(credentials.at("sys"), "pub"), "system"}};
  for (const auto& [party, token] : {std::pair("operator", chain.operator_jwt),
                                     {"account", chain.account_jwt},
                                     {"sys", chain.system_jwt}}) {
    MW_ASSIGN_OR_RETURN(const DecodedJwt jwt, DecodeJwt(token));
    const Json& theirs = credentials.at(party).at("claims");
    Json nats = jwt.claims.nats;
    if (nats.contains("limits")) nats["limits"].erase("consumer");
    nats.erase("mappings");
    MW_RETURN_IF_ERROR(
        Expect(jwt.claims.name == Text(theirs, "name") &&
                   WithoutKeys(nats.dump(), our_keys) == WithoutKeys(theirs.at("nats").dump(), their_keys),
               fmt::format("{} claims are {}", party, DumpJson(nats))));
  }
  return absl::OkStatus();
}

std::string WithoutCarriageReturns(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
  return text;
}

absl::Status CheckCreds(const Json& test_case) {
  const std::string text = Text(test_case, "creds");
  const absl::StatusOr<Creds> creds = Creds::Parse(text);
  if (test_case.contains("error")) {
    const std::string actual = creds.ok() ? "no error" : MessageOf(creds.status());
    return Expect(actual == Text(test_case, "error"), fmt::format("got \"{}\"", actual));
  }
  MW_RETURN_IF_ERROR(creds.status());
  MW_RETURN_IF_ERROR(Expect(creds->id() == Text(test_case, "id"), fmt::format("got id {}", creds->id())));
  return Expect(creds->Format().ExposeText() == WithoutCarriageReturns(text),
                "the file is written differently");
}

absl::Status CheckServerConfig(const Json& credentials) {
  MW_ASSIGN_OR_RETURN(const ServerSettings theirs, ReadServerSettings(Text(credentials, "serverConfig")));
  ServerConfigOptions options;
  options.host = theirs.at("host");
  options.store_dir = theirs.at("jetstream.store_dir");
  const std::string& port = theirs.at("port");
  std::from_chars(port.data(), port.data() + port.size(), options.port);
  const ServerTrust trust{.operator_jwt = Text(credentials.at("operator"), "jwt"),
                          .account_id = Text(credentials.at("account"), "pub"),
                          .account_jwt = Text(credentials.at("account"), "jwt"),
                          .system_id = Text(credentials.at("sys"), "pub"),
                          .system_jwt = Text(credentials.at("sys"), "jwt")};
  MW_ASSIGN_OR_RETURN(ServerSettings ours, ReadServerSettings(FormatServerConfig(trust, options)));
  // Ours alone: how soon a server sees that somebody hangs.
  for (const char* key : {"ping_interval", "ping_max"}) {
    MW_RETURN_IF_ERROR(Expect(ours.erase(key) == 1, fmt::format("no setting {}", key)));
  }
  for (const auto& [key, value] : theirs) {
    const auto found = ours.find(key);
    MW_RETURN_IF_ERROR(Expect(found != ours.end(), fmt::format("no setting {}", key)));
    MW_RETURN_IF_ERROR(Expect(found->second == value, fmt::format("{} is {}", key, found->second)));
  }
  return Expect(ours.size() == theirs.size(), "more settings than the vector's");
}

absl::Status CheckStripped(const Json& credentials) {
  const Json& stripped = credentials.at("stripped");
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Parse(stripped.dump()));
  return Expect(issuer.space() == Text(stripped, "space") &&
                    issuer.account().text() == Text(credentials.at("account"), "pub") &&
                    issuer.signing_key().public_key().text() == Text(credentials.at("account"), "signingPub"),
                "read as another issuer");
}

}  // namespace

CaseResults RunCredentialCases(const Json& credentials) {
  CaseResults results;
  try {
    RunSeedCases(credentials, results);
    RunTokenCases(credentials, results);
    Count("trust chain", CheckTrustChain(credentials), results);
    for (const Json& test_case : credentials.at("creds")) {
      Count(fmt::format("creds {}", DumpJson(test_case.at("name"))), CheckCreds(test_case), results);
    }
    Count("server configuration", CheckServerConfig(credentials), results);
    Count("stripped issuer", CheckStripped(credentials), results);
  } catch (const std::exception& malformed) {
    results.Fail(fmt::format("malformed credentials: {}", malformed.what()));
  }
  return results;
}

}  // namespace meshwarden::conformance
