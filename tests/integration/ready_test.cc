// What a manager waits for before it is ready, and what it says when it is no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "provisioning/space/space_setup.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing::ready_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  bob: { subscribe: [general], allowSubscribe: [general, team.>] }
)";
constexpr char kReady[] = " ready space=main";

class ReadyTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy)); }
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void Launch() { MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->LaunchManager({})); }
  ::testing::AssertionResult Says(const std::string& text) {
    const absl::Status said = manager_->WaitForOutput(text, kPatience);
    return said.ok() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << said.ToString();
  }
  void SetUpSpaceAgain() {
    ASSERT_TRUE(Eventually(
        [&] { return SetUpSpace(mesh_->setup_api(), "main", mesh_->secrets(), /*replicas=*/1).ok(); }));
  }
  void ExpectServed() {
    MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"team.>"}));
    EXPECT_TRUE(reply.ok) << reply.error;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
};

TEST_F(ReadyTest, AManagerThatFindsNoBrokerWaitsForIt) {
  ASSERT_THAT(mesh_->broker().Kill(), IsOk());
  Launch();
  EXPECT_TRUE(Says("waiting for="));
  EXPECT_TRUE(Says(mesh_->url()));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("ready")));
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_TRUE(Says(kReady));
  ASSERT_TRUE(Eventually([&] { return mesh_->setup().connected() && mesh_->root().connected(); }));
  ExpectServed();
}

TEST_F(ReadyTest, OneThatWaitsEndsWhenItIsTold) {
  ASSERT_THAT(mesh_->broker().Kill(), IsOk());
  Launch();
  EXPECT_TRUE(Says("waiting for="));
  manager_->Signal(SIGTERM);
  EXPECT_THAT(manager_->Wait(kPatience), IsOkAndHolds(0));
  EXPECT_TRUE(Says("stopped before it was ready"));
}

TEST_F(ReadyTest, ASpaceThatIsNotSetUpIsWaitedFor) {
  ASSERT_THAT(mesh_->broker().RestartEmpty(), IsOk());
  Launch();
  EXPECT_TRUE(Says("the broker has no CHAT_main, TASK_main"));
  EXPECT_TRUE(Says("run meshwarden space setup"));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("ready")));
  SetUpSpaceAgain();
  EXPECT_TRUE(Says(kReady));
  ExpectServed();
}

TEST_F(ReadyTest, AStoreThatCameBackEmptyIsTold) {
  Launch();
  ASSERT_TRUE(Says(kReady));
  ASSERT_THAT(mesh_->broker().RestartEmpty(), IsOk());
  EXPECT_TRUE(Says("the broker's store came back empty"));
  SetUpSpaceAgain();
  EXPECT_TRUE(Says("the streams of the space were made anew"));
  EXPECT_TRUE(Says("ready again"));
  ExpectServed();
}

TEST_F(ReadyTest, ABucketThatIsGoneIsNamed) {
  Launch();
  ASSERT_TRUE(Says(kReady));
  ASSERT_THAT(
      mesh_->root().Request(mesh_->SecretApi("STREAM.DELETE.KV_meshwarden_agents_main"), "", kPatience),
      IsOk());
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_TRUE(Says("the broker has no KV_meshwarden_agents_main"));
}

TEST_F(ReadyTest, AStreamThatLosesMessagesIsNamed) {
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo task, mesh_->root_api().GetStream("TASK_main"));
  ASSERT_THAT(mesh_->root().Request(mesh_->SecretApi("STREAM.DELETE.TASK_main"), "", kPatience), IsOk());
  Json config = task.config;
  config["retention"] = "limits";
  ASSERT_THAT(mesh_->root_api().CreateStream({.name = "TASK_main", .json = config}), IsOk());
  Launch();
  EXPECT_TRUE(Says("TASK_main: retention is"));
}

TEST_F(ReadyTest, WhatNoWaitingCuresEndsIt) {
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->LaunchManager({"--policy", "/nowhere/policy.yaml"}));
  EXPECT_THAT(manager_->Wait(kPatience), IsOkAndHolds(1));
}

}  // namespace
}  // namespace meshwarden::testing::ready_test
