#include "provisioning/minting/mint.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"

namespace meshwarden::mint_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
const SystemTime kNow{std::chrono::seconds(1'800'000'000)};

class MintTest : public ::testing::Test {
 protected:
  MintTest()
      : account_(*KeyPair::Generate(NkeyKind::kAccount)),
        signing_(*KeyPair::Generate(NkeyKind::kAccount)),
        user_(*KeyPair::Generate(NkeyKind::kUser)),
        issuer_(*Issuer::Make("main", account_.public_key(), Copy(signing_))) {}

  static KeyPair Copy(const KeyPair& pair) { return *KeyPair::FromSeed(pair.Seed().ExposeText()); }
  static std::string SeedOf(const KeyPair& pair) { return std::string(pair.Seed().ExposeText()); }

  MintOptions Options(Profile profile) const {
    MintOptions options;
    options.profile = profile;
    options.permissions.space = "main";
    options.permissions.id = user_.public_key().text();
    return options;
  }
  absl::StatusOr<std::string> Mint(const MintOptions& options) const {
    return MintUserJwt(issuer_, options, clock_);
  }

  // The form that the peers store, stripped of what a minting party must not hold.
  Json Stripped() const {
    return Json{{"space", "main"},
                {"operator", Json{{"seed", ""}, {"jwt", ""}}},
                {"account", Json{{"pub", account_.public_key().text()},
                                 {"seed", ""},
                                 {"jwt", ""},
                                 {"signingSeed", SeedOf(signing_)},
                                 {"signingPub", ""}}},
                {"sys", Json{{"pub", ""}, {"jwt", ""}}}};
  }

  const FixedClock clock_{kNow};
  const KeyPair account_;
  const KeyPair signing_;
  const KeyPair user_;
  const Issuer issuer_;
};

TEST_F(MintTest, TokenIsTheUsersAndTheSigningKeys) {
  MW_ASSERT_OK_AND_ASSIGN(const std::string token, Mint(Options(Profile::kObserver)));
  MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(token));
  EXPECT_EQ(jwt.issuer, signing_.public_key().text());
  EXPECT_EQ(jwt.claims.subject, user_.public_key().text());
  EXPECT_EQ(jwt.claims.name, "observer");
  EXPECT_EQ(jwt.issued_at, kNow);
  EXPECT_EQ(jwt.claims.expires, std::nullopt);
  EXPECT_EQ(jwt.claims.nats.at("issuer_account"), account_.public_key().text());
}

TEST_F(MintTest, ClaimsStandInThePeersOrder) {
  const auto keys = [](const Json& object) {
    std::string joined;
    for (const auto& [key, value] : object.items()) joined += key + " ";
    return joined;
  };
  const Json agent = DecodeJwt(*Mint(Options(Profile::kAgent)))->raw_claims;
  EXPECT_EQ(keys(agent), "aud name sub nats iss iat jti ");
  EXPECT_EQ(keys(agent.at("nats")), "data payload subs pub sub issuer_account type version ");
  const Json admin = DecodeJwt(*Mint(Options(Profile::kAdmin)))->claims.nats;
  EXPECT_EQ(keys(admin), "data payload subs sub pub issuer_account type version ");
  const Json unrestricted = DecodeJwt(*Mint(Options(Profile::kUnrestricted)))->claims.nats;
  EXPECT_EQ(keys(unrestricted), "data payload subs issuer_account type version ");
}

TEST_F(MintTest, DenialsAreWrittenOnlyWhereThereAreSome) {
  EXPECT_TRUE(DecodeJwt(*Mint(Options(Profile::kAgent)))->claims.nats.at("pub").contains("deny"));
  EXPECT_FALSE(DecodeJwt(*Mint(Options(Profile::kObserver)))->claims.nats.at("pub").contains("deny"));
}

TEST_F(MintTest, LifetimeCountsFromNow) {
  MintOptions options = Options(Profile::kAgent);
  options.ttl = std::chrono::hours(24);
  EXPECT_EQ(DecodeJwt(*Mint(options))->claims.expires, kNow + std::chrono::hours(24));
  for (const std::chrono::seconds ttl :
       {std::chrono::seconds(0), std::chrono::seconds(-1), std::chrono::seconds::max()}) {
    options.ttl = ttl;
    EXPECT_THAT(Mint(options), StatusIs(kInvalid, HasSubstr("lifetime")));
  }
}

TEST_F(MintTest, CredsAreOfTheGivenKeyWhateverTheOptionsSay) {
  MintOptions options = Options(Profile::kAgent);
  options.permissions.id = "ignored";
  options.name = "worker-1";
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, MintCreds(issuer_, options, Copy(user_), clock_));
  EXPECT_EQ(creds.id(), user_.public_key().text());
  EXPECT_EQ(creds.decoded().claims.name, "worker-1");
}

TEST_F(MintTest, OnlyUserKeysGetUserTokens) {
  MintOptions options = Options(Profile::kAgent);
  for (const std::string& id :
       {account_.public_key().text(), std::string("*"), std::string(">"), std::string()}) {
    options.permissions.id = id;
    EXPECT_THAT(Mint(options), StatusIs(kInvalid, StartsWith("cannot mint: identity"))) << id;
  }
  EXPECT_THAT(MintCreds(issuer_, options, Copy(account_), clock_), StatusIs(kInvalid, HasSubstr("identity")));
}

TEST_F(MintTest, OtherSpacesTokensAreNotMinted) {
  MintOptions options = Options(Profile::kAgent);
  options.permissions.space = "other";
  EXPECT_THAT(Mint(options), StatusIs(kInvalid, HasSubstr("space \"main\", not \"other\"")));
}

TEST_F(MintTest, IssuerReadsWhatItWrites) {
  const Secret text = issuer_.Format();
  EXPECT_EQ(
      Json::parse(text.ExposeText()),
      (Json{{"space", "main"},
            {"account", Json{{"pub", account_.public_key().text()}, {"signingSeed", SeedOf(signing_)}}}}));
  MW_ASSERT_OK_AND_ASSIGN(const Issuer read, Issuer::Parse(text.ExposeText()));
  EXPECT_EQ(read.space(), "main");
  EXPECT_EQ(read.account(), account_.public_key());
  EXPECT_EQ(read.signing_key().public_key(), signing_.public_key());
}

TEST_F(MintTest, SpaceOfAnyNameSurvivesTheFile) {
  MW_ASSERT_OK_AND_ASSIGN(const Issuer odd,
                          Issuer::Make("my \"space\"\n", account_.public_key(), Copy(signing_)));
  MW_ASSERT_OK_AND_ASSIGN(const Issuer read, Issuer::Parse(odd.Format().ExposeText()));
  EXPECT_EQ(read.space(), "my \"space\"\n");
}

TEST_F(MintTest, StrippedFormOfThePeersIsRead) {
  MW_ASSERT_OK_AND_ASSIGN(const Issuer read, Issuer::Parse(Stripped().dump(2)));
  EXPECT_EQ(read.signing_key().public_key(), signing_.public_key());
  Json named = Stripped();
  named["account"]["signingPub"] = signing_.public_key().text();
  EXPECT_THAT(Issuer::Parse(named.dump()), IsOk());
  named["account"]["signingPub"] = account_.public_key().text();
  EXPECT_THAT(Issuer::Parse(named.dump()), StatusIs(kInvalid, HasSubstr("does not belong")));
}

TEST_F(MintTest, IssuerWithAnotherSeedInItIsRefused) {
  for (const char* holder : {"operator", "account", "sys"}) {
    Json unstripped = Stripped();
    unstripped[holder]["seed"] = SeedOf(account_);
    EXPECT_THAT(Issuer::Parse(unstripped.dump()),
                StatusIs(kInvalid, AllOf(HasSubstr("holds 2 seeds"), Not(HasSubstr(SeedOf(account_))))));
  }
}

TEST_F(MintTest, SigningKeyMustBeASigningKey) {
  Json json = Stripped();
  json["account"]["signingSeed"] = SeedOf(account_);
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("the account's own seed")));
  json["account"]["signingSeed"] = SeedOf(user_);
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("begins with SA")));
  json["account"]["signingSeed"] = "";
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("no seed of 58 characters")));
  json["account"]["signingSeed"] = std::string(58, ' ');
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("no seed of 58 characters")));
  std::string damaged = SeedOf(signing_);
  damaged[9] = damaged[9] == 'A' ? 'B' : 'A';
  json["account"]["signingSeed"] = damaged;
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("invalid checksum")));
}

TEST_F(MintTest, MalformedIssuersAreRefused) {
  EXPECT_THAT(Issuer::Parse(""), StatusIs(kInvalid, StartsWith("issuer: ")));
  EXPECT_THAT(Issuer::Parse("[]"), StatusIs(kInvalid, HasSubstr("not an object")));
  EXPECT_THAT(Issuer::Parse(R"({"space":"main","account":7})"), StatusIs(kInvalid, HasSubstr("\"account\"")));
  Json json = Stripped();
  json["account"]["pub"] = user_.public_key().text();
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("begins with U, not A")));
  json = Stripped();
  json["space"] = "";
  EXPECT_THAT(Issuer::Parse(json.dump()), StatusIs(kInvalid, HasSubstr("\"space\" is empty")));
  EXPECT_THAT(Issuer::Parse(std::string(kMaxIssuerBytes + 1, ' ')), StatusIs(kInvalid, HasSubstr("longer")));
}

TEST_F(MintTest, LoadNamesTheFile) {
  const std::string path = ::testing::TempDir() + "/issuer.json";
  std::ofstream(path) << Stripped().dump();
  EXPECT_THAT(Issuer::Load(path), IsOk());
  std::ofstream(path) << "{}";
  EXPECT_THAT(Issuer::Load(path), StatusIs(kInvalid, StartsWith(path)));
}

}  // namespace
}  // namespace meshwarden::mint_test
