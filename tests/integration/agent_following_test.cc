// `meshwarden agent` with nothing but a credential: channels and role are what a launcher made it for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::agent_following_test {
namespace {

TEST_F(AgentCommandTest, E22_WithoutChannelsItReadsWhatItsDurableReads) {
  const TestAgent alice = Provision("alice");
  const TestAgent reader = Provision("reader");
  const auto child = Drive(reader);
  EXPECT_EQ(Ask(*child, {{"do", "joined"}}), Json({"team.>"}));
  const std::string id = Post(alice, "team.a", "for the team");
  EXPECT_THAT(child->AwaitLine(IsMessage(id), kPatience), IsOk());
  EXPECT_EQ(Ask(*child, {{"do", "join"}, {"channel", "general"}}).at("joined"), true);
  EXPECT_THAT(mesh_->FiltersOf(reader.id), IsOkAndHolds(FiltersFor({"general", "team.>"})));
}

TEST_F(AgentCommandTest, E22_ChannelsThatAreGivenCount) {
  const auto child = Drive(Provision("reader"), {"--channels", "team.a"});
  EXPECT_EQ(Ask(*child, {{"do", "joined"}}), Json({"team.a"}));
}

TEST_F(AgentCommandTest, E22_TheRoleIsTheCredentials) {
  const auto alice = Drive(Provision("alice"));
  const auto bob = Drive(Provision("bob"));
  const Json sent = Ask(*alice, {{"do", "anycast"}, {"role", "reviewer"}, {"text", "please"}});
  MW_ASSERT_OK_AND_ASSIGN(const Json task, bob->AwaitLine(IsMessage(sent.at("id")), kPatience));
  EXPECT_EQ(task.at("kind"), "anycast");
  EXPECT_EQ(task.at("message").at("from").at("role"), "planner");
}

TEST_F(AgentCommandTest, E22_AnEmptyRoleTakesNoTasks) {
  const auto alice = Drive(Provision("alice"));
  const TestAgent bob = Provision("bob");
  const auto without = Drive(bob, {"--role", ""});
  const Json sent = Ask(*alice, {{"do", "anycast"}, {"role", "reviewer"}, {"text", "please"}});
  const Json direct = Ask(*alice, {{"do", "unicast"}, {"to", bob.id}, {"text", "hello"}});
  ASSERT_THAT(without->AwaitLine(IsMessage(direct.at("id")), kPatience), IsOk());
  // It waits for somebody of the role.
  const auto other = Drive(Provision("bob"));
  EXPECT_THAT(other->AwaitLine(IsMessage(sent.at("id")), kPatience), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::agent_following_test
