// A space that an earlier version made goes on working; `meshwarden space harden` closes it, and its
// credentials of before lose what they could destroy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/api_guard.h"
#include "proto/names.h"
#include "tests/support/mesh.h"
#include "tests/support/meshwarden_command.h"

namespace meshwarden::testing::harden_test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  bob: { role: reviewer, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general] }
)";

class HardenTest : public ::testing::Test {
 protected:
  void Begin(Mesh::Made made) { MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy, made)); }

  Finished Run(std::vector<std::string> arguments) { return RunMeshwarden(*mesh_, std::move(arguments)); }
  Finished Harden(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"space", "harden", "--dir", mesh_->directory() + "/space"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  Finished SetUpSpace() { return Run({"space", "setup", "--creds", mesh_->PathOf("creds/setup.creds")}); }

  ApiGuard Ask(Connection& connection) { return AskApiGuard(connection, "main", kPatience); }

  std::unique_ptr<Mesh> mesh_;
};

TEST_F(HardenTest, ASpaceOfTodayIsGuarded) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  EXPECT_EQ(Ask(mesh_->setup()), ApiGuard::kInForce);
  MW_ASSERT_OK_AND_ASSIGN(const auto mover, mesh_->ConnectAs("mover"));
  EXPECT_EQ(Ask(*mover), ApiGuard::kInForce);
  const Finished setup = SetUpSpace();
  EXPECT_EQ(setup.exit_code, 0);
  EXPECT_THAT(setup.output, AllOf(Not(HasSubstr("error")), Not(HasSubstr("warning: cannot tell"))));
  EXPECT_THAT(Harden().output, HasSubstr("hardened already"));
}

TEST_F(HardenTest, TheThreeStatesAreToldApart) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kByAnEarlierVersion));
  // A credential that may ask, of a space that is not guarded.
  EXPECT_EQ(Ask(mesh_->root()), ApiGuard::kNotInForce);
  // One that may not.
  EXPECT_EQ(AskApiGuard(mesh_->setup(), "main", seconds(2)), ApiGuard::kUnknown);
  const Finished before = SetUpSpace();
  EXPECT_EQ(before.exit_code, 0);
  EXPECT_THAT(before.output, HasSubstr("warning: cannot tell"));
  // Hardened on disk, while the server still runs as before.
  ASSERT_EQ(Harden().exit_code, 0);
  const Finished between = SetUpSpace();
  EXPECT_EQ(between.exit_code, 0) << between.output;
  EXPECT_THAT(between.output, AllOf(HasSubstr("error: "), HasSubstr("meshwarden space harden --dir")));
}

TEST_F(HardenTest, ASpaceOfAnEarlierVersionGoesOnAndIsClosed) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kByAnEarlierVersion));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto manager, mesh_->StartManager());
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"general", "team.a"}));
    EXPECT_TRUE(reply.ok) << reply.error;
  }
  const Finished hardened = Harden();
  ASSERT_EQ(hardened.exit_code, 0) << hardened.output;
  // Managers before the records move: one of before would not find them.
  EXPECT_THAT(hardened.output, ContainsRegex("restart +nats-server, with .*/server\\.conf(.|\n)*"
                                             "restart +each meshwardend(.|\n)*"
                                             "meshwarden space setup"));
  EXPECT_THAT(hardened.output, HasSubstr("the server's user must own it"));
  ASSERT_THAT(mesh_->RestartBroker(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto setup, mesh_->ConnectAs("setup"));
  EXPECT_EQ(Ask(*setup), ApiGuard::kInForce);
  const Finished set_up = SetUpSpace();
  EXPECT_EQ(set_up.exit_code, 0) << set_up.output;
  // The agent of before is served as before.
  MW_ASSERT_OK_AND_ASSIGN(bob.connection, mesh_->Connect(bob.creds));
  MW_ASSERT_OK_AND_ASSIGN(const auto manager, mesh_->StartManager());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"general", "team.b"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general", "team.b"}));
}

TEST_F(HardenTest, ThePlainSubjectsAreClosedAlsoToPrivilegedCredentialsOfBefore) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kByAnEarlierVersion));
  ASSERT_THAT(mesh_->Provision("bob"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(Creds mover, Creds::Load(mesh_->PathOf("creds/mover.creds")));
  const auto earlier = std::make_shared<const Creds>(std::move(mover));
  ASSERT_EQ(Harden().exit_code, 0);
  ASSERT_THAT(mesh_->RestartBroker(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto before, mesh_->Connect(earlier));
  const std::string queue = TaskDurable("reviewer");
  EXPECT_TRUE(IsNoResponders(JetStreamApi(*before, kPatience).DeleteConsumer("TASK_main", queue)));
  // Control: the one of the same identity that was minted anew may.
  MW_ASSERT_OK_AND_ASSIGN(const auto now, mesh_->ConnectAs("mover"));
  EXPECT_EQ(now->id(), before->id());
  EXPECT_THAT(JetStreamApi(*now, kPatience, mesh_->api_token()).DeleteConsumer("TASK_main", queue), IsOk());
}

TEST_F(HardenTest, RotatingMakesTheTokenOfBeforeWorthless) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  const std::string before = mesh_->SecretApi("STREAM.PURGE.CHAT_main");
  EXPECT_THAT(mesh_->root().Request(before, "", kPatience), IsOk());
  ASSERT_EQ(Harden({"--rotate"}).exit_code, 0);
  ASSERT_THAT(mesh_->RestartBroker(), IsOk());
  EXPECT_THAT(mesh_->root().Request(before, "", seconds(2)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(mesh_->root().Request(mesh_->SecretApi("STREAM.PURGE.CHAT_main"), "", kPatience), IsOk());
}

TEST_F(HardenTest, TheTokenStandsInNothingThatPeopleRead) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  const std::string token = mesh_->api_token();
  ASSERT_EQ(token.size(), 26U);
  for (const std::string name : {"setup", "mover"}) {
    for (const std::string form : {"", "--json"}) {
      std::vector<std::string> arguments = {"creds", "show", mesh_->PathOf("creds/" + name + ".creds")};
      if (!form.empty()) arguments.push_back(form);
      const Finished shown = Run(arguments);
      EXPECT_EQ(shown.exit_code, 0);
      EXPECT_THAT(shown.output, AllOf(Not(HasSubstr(token)), HasSubstr("$JS.API.***."))) << name;
    }
  }
  EXPECT_THAT(SetUpSpace().output, Not(HasSubstr(token)));
  EXPECT_THAT(Harden({"--rotate"}).output, AllOf(Not(HasSubstr(token)), Not(HasSubstr("eyJ"))));
}

TEST_F(HardenTest, AFolderThatIsNoSpaceIsTold) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  const Finished finished = Run({"space", "harden", "--dir", mesh_->directory()});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("keys/operator.nk"));
  EXPECT_EQ(Run({"space", "harden"}).exit_code, 2);
}

}  // namespace
}  // namespace meshwarden::testing::harden_test
