#include "provisioning/space/trust_chain.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/status_matchers.h"
#include "proto/identity/jwt.h"
#include "provisioning/space/api_mappings.h"

namespace meshwarden::trust_chain_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

const SystemTime kNow{std::chrono::seconds(1'800'000'000)};

class TrustChainTest : public ::testing::Test {
 protected:
  static TrustChain Make(std::string_view space) { return *MakeTrustChain(space, FixedClock(kNow)); }
};

// The limits that another implementation gives an account, without JetStream's.
Json OpenLimits() {
  return Json{{"subs", -1},    {"conn", -1}, {"leaf", -1},    {"imports", -1},
              {"exports", -1}, {"data", -1}, {"payload", -1}, {"wildcards", true}};
}

TEST_F(TrustChainTest, OperatorVouchesForBothAccounts) {
  const TrustChain chain = Make("main");
  const std::string operator_id = chain.operator_key.public_key().text();
  for (const std::string& token : {chain.operator_jwt, chain.account_jwt, chain.system_jwt}) {
    MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(token));
    EXPECT_EQ(jwt.issuer, operator_id);
    EXPECT_EQ(jwt.issued_at, kNow);
    EXPECT_EQ(jwt.claims.expires, std::nullopt);
  }
}

TEST_F(TrustChainTest, OperatorNamesTheSystemAccount) {
  const TrustChain chain = Make("main");
  const JwtClaims claims = DecodeJwt(chain.operator_jwt)->claims;
  EXPECT_EQ(claims.subject, chain.operator_key.public_key().text());
  EXPECT_EQ(claims.name, "cotal-main");
  EXPECT_EQ(
      claims.nats,
      (Json{{"system_account", chain.system_key.public_key().text()}, {"type", "operator"}, {"version", 2}}));
}

TEST_F(TrustChainTest, SpacesAccountHasItsSigningKeyAndRoomForConsumers) {
  const TrustChain chain = Make("main");
  const JwtClaims claims = DecodeJwt(chain.account_jwt)->claims;
  Json limits = OpenLimits();
  limits["mem_storage"] = -1;
  limits["disk_storage"] = -1;
  limits["consumer"] = 1'000'000;
  EXPECT_EQ(claims.subject, chain.account_key.public_key().text());
  EXPECT_EQ(claims.name, "main");
  EXPECT_EQ(claims.nats, (Json{{"signing_keys", Json::array({chain.signing_key.public_key().text()})},
                               {"limits", limits},
                               {"type", "account"},
                               {"version", 2}}));
}

TEST_F(TrustChainTest, SystemAccountHasMappingsAndNoJetStream) {
  const TrustChain chain = Make("main");
  const JwtClaims claims = DecodeJwt(chain.system_jwt)->claims;
  Json limits = OpenLimits();
  limits["mem_storage"] = 0;
  limits["disk_storage"] = 0;
  EXPECT_EQ(claims.subject, chain.system_key.public_key().text());
  EXPECT_EQ(claims.name, "SYS");
  EXPECT_EQ(claims.nats, (Json{{"limits", limits},
                               {"mappings", ApiMappings("main", chain.secrets.api)},
                               {"type", "account"},
                               {"version", 2}}));
}

TEST_F(TrustChainTest, NoTwoChainsShareAKey) {
  const TrustChain a = Make("main");
  const TrustChain b = Make("main");
  EXPECT_NE(a.operator_key.public_key(), b.operator_key.public_key());
  EXPECT_NE(a.signing_key.public_key(), b.signing_key.public_key());
  EXPECT_NE(a.account_key.public_key(), a.signing_key.public_key());
  EXPECT_NE(a.account_key.public_key(), a.system_key.public_key());
  EXPECT_NE(a.secrets.api, b.secrets.api);
  EXPECT_NE(a.secrets.records, b.secrets.records);
  EXPECT_NE(a.secrets.api, a.secrets.records);
}

TEST_F(TrustChainTest, SpaceMustHaveAName) {
  const FixedClock clock(kNow);
  EXPECT_THAT(MakeTrustChain(std::string(64, 's'), clock), IsOk());
  EXPECT_THAT(MakeTrustChain("my_Space-2", clock), IsOk());
  // What a policy, the daemon or an agent would refuse later.
  for (const std::string& space :
       {std::string(), std::string("  "), std::string(65, 's'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("a\x7F"), std::string("my space!"), std::string("a.b"), std::string("*"),
        std::string(">"), std::string("a/b"), std::string("m\xC3\xA4in")}) {
    EXPECT_THAT(MakeTrustChain(space, clock),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("space's name")));
  }
}

}  // namespace
}  // namespace meshwarden::trust_chain_test
