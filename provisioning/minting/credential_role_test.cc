#include "provisioning/minting/credential_role.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/clock.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"

namespace meshwarden::credential_role_test {
namespace {

CredentialView Mint(Profile profile, std::optional<std::string> role) {
  const KeyPair account = KeyPair::Generate(NkeyKind::kAccount).value();
  const Issuer issuer =
      Issuer::Make("main", account.public_key(), KeyPair::Generate(NkeyKind::kAccount).value()).value();
  MintOptions options{.profile = profile, .permissions = {}, .name = "", .ttl = std::nullopt};
  options.permissions.space = "main";
  options.permissions.role = std::move(role);
  const Creds creds =
      MintCreds(issuer, std::move(options), KeyPair::Generate(NkeyKind::kUser).value(), Clock::System())
          .value();
  return ViewCredential(creds.decoded()).value();
}

TEST(RoleOf, IsTheOneWhoseQueueItMayPullFrom) {
  EXPECT_EQ(RoleOf(Mint(Profile::kAgent, "reviewer")), "reviewer");
  EXPECT_EQ(RoleOf(Mint(Profile::kAgent, "code-review_2")), "code-review_2");
}

TEST(RoleOf, IsNoneWithoutAQueue) {
  EXPECT_EQ(RoleOf(Mint(Profile::kAgent, std::nullopt)), std::nullopt);
  EXPECT_EQ(RoleOf(Mint(Profile::kObserver, std::nullopt)), std::nullopt);
  EXPECT_EQ(RoleOf(Mint(Profile::kUnrestricted, std::nullopt)), std::nullopt);
}

TEST(RoleOf, IsNoneWhereSeveralCouldBeMeant) {
  CredentialView view = Mint(Profile::kAgent, "reviewer");
  view.permissions.publish->allow.emplace_back("$JS.API.CONSUMER.MSG.NEXT.TASK_main.svc_planner");
  EXPECT_EQ(RoleOf(view), std::nullopt);
  view = Mint(Profile::kAgent, std::nullopt);
  view.permissions.publish->allow.emplace_back("$JS.API.CONSUMER.MSG.NEXT.TASK_main.svc_*");
  EXPECT_EQ(RoleOf(view), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::credential_role_test
