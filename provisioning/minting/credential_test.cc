#include "provisioning/minting/credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"

namespace meshwarden::credential_test {
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
}

TEST_F(CredentialTest, TooMuchIsRefusedAsWellAsTooLittle) {
  const auto refused = [](const char* what) {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr(what), HasSubstr("too much"), HasSubstr("creds mint --profile")));
  };
  for (const Profile profile : {Profile::kResponder, Profile::kMover, Profile::kWatcher}) {
    EXPECT_THAT(CheckCredential(Mint(Profile::kUnrestricted), profile, "main", kNow), refused("anything"));
    const CredentialView right = Mint(profile);
    CredentialView view = right;
    view.permissions.subscribe->allow.push_back("cotal.main.chat.>");
    EXPECT_THAT(CheckCredential(view, profile, "main", kNow), refused("subscribe to \"cotal.main.chat.>\""));
    view = right;
    view.permissions.publish->allow.push_back("$JS.API.>");
    EXPECT_THAT(CheckCredential(view, profile, "main", kNow), refused("publish to"));
    view = right;
    view.permissions.publish.reset();
    EXPECT_THAT(CheckCredential(view, profile, "main", kNow), refused("publish to anything"));
  }
  // What keeps replies from reaching the API, and others' requests from being seen.
  CredentialView responder = Mint(Profile::kResponder);
  responder.permissions.publish->deny.erase(responder.permissions.publish->deny.begin() + 1);
  EXPECT_THAT(CheckCredential(responder, Profile::kResponder, "main", kNow), refused("\"$JS.>\""));
  responder = Mint(Profile::kResponder);
  responder.permissions.subscribe->allow.push_back("cotal.main.ctl.self.*");
  EXPECT_THAT(CheckCredential(responder, Profile::kResponder, "main", kNow), refused("ctl.self.*"));
  // What is allowed twice, or denied beyond what must be, is no more.
  responder = Mint(Profile::kResponder);
  responder.permissions.publish->allow.push_back("_INBOX_x.y");
  responder.permissions.publish->deny.push_back("other.>");
  EXPECT_THAT(CheckCredential(responder, Profile::kResponder, "main", kNow), IsOk());
}

TEST_F(CredentialTest, WhatNoProgramOfOursHasIsRefused) {
  const CredentialView right = Mint(Profile::kResponder);
  CredentialView view = right;
  view.bearer = true;
  EXPECT_THAT(CheckCredential(view, Profile::kResponder, "main", kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("bearer")));
  view = right;
  view.responses = Responses{.max = 1, .ttl = {}};
  EXPECT_THAT(CheckCredential(view, Profile::kResponder, "main", kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("allow_responses")));
  view = right;
  view.not_before = kNow + std::chrono::seconds(1);
  EXPECT_THAT(CheckCredential(view, Profile::kResponder, "main", kNow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not valid yet")));
  EXPECT_THAT(CheckCredential(view, Profile::kResponder, "main", kNow + hours(1)), IsOk());
}

TEST_F(CredentialTest, AllThatAJwtSaysIsRead) {
  DecodedJwt jwt;
  jwt.claims.subject = "UX";
  jwt.claims.not_before = kNow;
  jwt.claims.nats = Json::parse(R"({"type":"user","resp":{"max":2,"ttl":1000000000},"bearer_token":true,
      "src":["10.0.0.0/8"],"times":[{"start":"08:00:00","end":"18:00:00"}],"subs":10,"data":-1,
      "payload":1024,"allowed_connection_types":["WEBSOCKET"]})");
  const CredentialView view = ViewCredential(jwt).value();
  EXPECT_EQ(view.not_before, kNow);
  EXPECT_EQ(view.responses->max, 2);
  EXPECT_EQ(view.responses->ttl, std::chrono::seconds(1));
  EXPECT_TRUE(view.bearer);
  EXPECT_THAT(view.sources, ::testing::ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(view.times, ::testing::ElementsAre("08:00:00 to 18:00:00"));
  EXPECT_THAT(view.connection_types, ::testing::ElementsAre("WEBSOCKET"));
  EXPECT_THAT(view.limits,
              ::testing::ElementsAre(::testing::Pair("payload", 1024), ::testing::Pair("subs", 10)));
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
}  // namespace meshwarden::credential_test
