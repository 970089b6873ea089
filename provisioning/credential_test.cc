#include "provisioning/credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "proto/identity/nkey.h"
#include "provisioning/mint.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::HasSubstr;

const SystemTime kNow = SystemTime(std::chrono::seconds(1'800'000'000));

class CredentialTest : public ::testing::Test {
 protected:
  CredentialView Mint(Profile profile, std::optional<std::chrono::seconds> ttl = std::nullopt,
                      const SpaceSecrets& secrets = {}) {
    MintOptions options{.profile = profile, .permissions = {}, .name = "", .ttl = ttl};
    options.permissions.space = "main";
    options.permissions.secrets = secrets;
    const FixedClock clock(kNow);
    const Creds creds =
        MintCreds(issuer_, std::move(options), KeyPair::Generate(NkeyKind::kUser).value(), clock).value();
    return ViewCredential(creds.decoded()).value();
  }

  KeyPair account_ = KeyPair::Generate(NkeyKind::kAccount).value();
  Issuer issuer_ =
      Issuer::Make("main", account_.public_key(), KeyPair::Generate(NkeyKind::kAccount).value()).value();
};

TEST_F(CredentialTest, TheViewSaysWhoseItIs) {
  const CredentialView view = Mint(Profile::kObserver, hours(1));
  EXPECT_EQ(view.id.size(), 56U);
  EXPECT_EQ(view.account, account_.public_key().text());
  EXPECT_EQ(view.issuer, issuer_.signing_key().public_key().text());
  EXPECT_EQ(view.expires, kNow + hours(1));
  EXPECT_EQ(view.space, "main");
}

TEST_F(CredentialTest, EveryProfileIsRecognised) {
  for (const Profile profile :
       {Profile::kAgent, Profile::kObserver, Profile::kAdmin, Profile::kUnrestricted, Profile::kSetup,
        Profile::kResponder, Profile::kMover, Profile::kWatcher, Profile::kLauncher}) {
    EXPECT_EQ(Mint(profile).profile, profile) << NameOf(profile);
  }
}

TEST_F(CredentialTest, SetupAndMoverKnowTheSecretsOfTheirSpace) {
  const SpaceSecrets secrets = MakeSpaceSecrets();
  for (const Profile profile : {Profile::kSetup, Profile::kMover}) {
    const CredentialView view = Mint(profile, std::nullopt, secrets);
    EXPECT_EQ(view.secrets, secrets);
    EXPECT_EQ(view.profile, profile);
    EXPECT_THAT(CheckCredential(view, profile, "main", kNow), IsOk());
    EXPECT_EQ(Mint(profile).secrets, SpaceSecrets());
  }
  EXPECT_EQ(Mint(Profile::kAgent, std::nullopt, secrets).secrets, SpaceSecrets());
}

TEST_F(CredentialTest, ThoseOfAnEarlierVersionGoOnWorking) {
  for (const Profile profile : {Profile::kSetup, Profile::kMover}) {
    EXPECT_THAT(CheckCredential(Mint(profile), profile, "main", kNow), IsOk());
  }
}

TEST_F(CredentialTest, OtherPermissionsAreNoProfile) {
  DecodedJwt jwt;
  jwt.claims.subject = "UX";
  jwt.claims.nats = Json::parse(R"({"type":"user","pub":{"allow":["cotal.a.>","cotal.b.>"]}})");
  const CredentialView view = ViewCredential(jwt).value();
  EXPECT_EQ(view.profile, std::nullopt);
  EXPECT_EQ(view.space, std::nullopt);
  EXPECT_FALSE(IsUnrestricted(view));
}

TEST_F(CredentialTest, AnAccountsJwtIsNoCredential) {
  DecodedJwt jwt;
  jwt.claims.nats = Json::parse(R"({"type":"account"})");
  EXPECT_THAT(ViewCredential(jwt), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a user's")));
}

TEST_F(CredentialTest, ACredentialOfTheProfileIsGood) {
  EXPECT_THAT(CheckCredential(Mint(Profile::kResponder), Profile::kResponder, "main", kNow), IsOk());
  EXPECT_THAT(CheckCredential(Mint(Profile::kMover), Profile::kMover, "main", kNow), IsOk());
  EXPECT_THAT(CheckCredential(Mint(Profile::kUnrestricted), Profile::kMover, "main", kNow), IsOk());
}

TEST_F(CredentialTest, SwappedFilesAreNoticed) {
  EXPECT_THAT(
      CheckCredential(Mint(Profile::kMover), Profile::kResponder, "main", kNow),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("no credential of profile manager"), HasSubstr("looks like profile mover"))));
  EXPECT_THAT(CheckCredential(Mint(Profile::kResponder), Profile::kMover, "main", kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("it may not publish to $JS.API")));
}

TEST_F(CredentialTest, ACredentialOfAnotherSpaceIsRefused) {
  EXPECT_THAT(CheckCredential(Mint(Profile::kMover), Profile::kMover, "other", kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("of space main")));
}

TEST_F(CredentialTest, ACredentialExpiresAtItsLastSecond) {
  const CredentialView view = Mint(Profile::kMover, hours(1));
  EXPECT_THAT(CheckCredential(view, Profile::kMover, "main", kNow + hours(1) - std::chrono::seconds(1)),
              IsOk());
  EXPECT_THAT(CheckCredential(view, Profile::kMover, "main", kNow + hours(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
}

}  // namespace
}  // namespace meshwarden
