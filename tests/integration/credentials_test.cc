// Credentials that end while the programs run, and are renewed on disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::credentials_test {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

// Long enough for programs to connect on a busy machine.
constexpr seconds kShort{10};
constexpr seconds kLong{10'000};

constexpr std::array kManagers = {"creds/manager.creds", "creds/mover.creds", "creds/watcher.creds"};

class CredentialsOnDisk : public AgentCommandTest {
 protected:
  // The same identity with the same rights for `lifetime` from now on.
  void Renew(const std::string& path, seconds lifetime) {
    MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Load(path));
    JwtClaims claims = creds.decoded().claims;
    claims.expires = Clock::System().Now() + lifetime;
    Write(path, creds, claims);
  }
  void Write(const std::string& path, const Creds& creds, const JwtClaims& claims) {
    MW_ASSERT_OK_AND_ASSIGN(const std::string jwt,
                            EncodeJwt(claims, mesh_->issuer().signing_key(), Clock::System().Now()));
    MW_ASSERT_OK_AND_ASSIGN(const Creds renewed,
                            Creds::Make(jwt, *KeyPair::FromSeed(creds.key_pair().Seed().ExposeText())));
    ASSERT_THAT(renewed.Save(path, IfExists::kReplace), IsOk());
  }
  void RenewManagers(seconds lifetime) {
    for (const char* name : kManagers) Renew(mesh_->PathOf(name), lifetime);
  }
  bool Granted(TestAgent& agent, const std::vector<std::string>& channels) {
    return Eventually([&] {
      const absl::StatusOr<ControlReply> reply = SetChannels(agent, channels);
      return reply.ok() && reply->ok;
    });
  }
};

TEST_F(CredentialsOnDisk, AManagerWhoseCredentialsEndedIsBackWhenTheyAreRenewed) {
  manager_.reset();
  TestAgent alice = Provision("alice");
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartWatchingManager());
  // What it logs in with when the broker is back has little time left.
  RenewManagers(kShort);
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  for (const char* name : kManagers) {
    EXPECT_THAT(manager_->WaitForOutput("file " + mesh_->PathOf(name), kPatience), IsOk());
  }
  EXPECT_THAT(manager_->Output(), HasSubstr("the credential expired at 20"));
  RenewManagers(kLong);
  EXPECT_TRUE(Granted(alice, {"general"})) << manager_->Output();
  manager_->Signal(SIGTERM);
  EXPECT_THAT(manager_->Wait(kPatience), IsOkAndHolds(0));
}

// Also what may do more than its profile is not taken because it came later.
TEST_F(CredentialsOnDisk, WhatAManagerMayNotHoldIsNotTakenFromDisk) {
  TestAgent alice = Provision("alice");
  const std::string path = mesh_->PathOf("creds/manager.creds");
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Load(path));
  JwtClaims claims = creds.decoded().claims;
  claims.nats.erase("pub");
  Write(path, creds, claims);
  MW_ASSERT_OK_AND_ASSIGN(const auto stranger, mesh_->Mint(Profile::kMover));
  ASSERT_THAT(stranger->Save(mesh_->PathOf("creds/mover.creds"), IfExists::kReplace), IsOk());
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_THAT(manager_->WaitForOutput("it may publish to anything", kPatience), IsOk());
  EXPECT_THAT(manager_->WaitForOutput("holds the identity " + stranger->id(), kPatience), IsOk());
  // Not only to whoever happens to look when a connection is lost.
  EXPECT_THAT(manager_->WaitForOutput("a renewed credential is not used", kPatience), IsOk());
  EXPECT_TRUE(Granted(alice, {"general"})) << manager_->Output();
}

TEST_F(CredentialsOnDisk, AnAgentWhoseCredentialEndedIsBackWhenItIsRenewed) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const std::vector<std::string> arguments = Arguments(alice, {});
  const std::string path = *(std::find(arguments.begin(), arguments.end(), "--creds") + 1);
  Renew(path, kShort);
  const auto child = Launch(arguments);
  ASSERT_THAT(child->AwaitLine(IsEvent("ready"), kPatience), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const Json error, child->AwaitLine(
                                                [](const Json& line) {
                                                  return line.value("event", "") == "error" &&
                                                         line.value("error", "").find("expired at") !=
                                                             std::string::npos;
                                                },
                                                kPatience));
  EXPECT_THAT(error.value("error", ""), HasSubstr("file " + path));
  const std::string meanwhile = Post(bob, "general", "while you were away");
  Renew(path, kLong);
  EXPECT_THAT(child->AwaitLine(IsMessage(meanwhile), kPatience), IsOk());
  Ask(*child, {{"do", "multicast"}, {"channel", "general"}, {"text", "back"}});
}

}  // namespace
}  // namespace meshwarden::testing::credentials_test
