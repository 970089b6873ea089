#include "provisioning/records/recorded_agent.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace meshwarden::recorded_agent_test {
namespace {

AgentPolicy Agent(std::string name, std::optional<std::string> id = std::nullopt) {
  AgentPolicy agent;
  agent.name = std::move(name);
  agent.id = std::move(id);
  return agent;
}

class RecordedAgentTest : public ::testing::Test {
 protected:
  std::string AgentOf(const std::string& id, const std::string& agent,
                      RecordState state = RecordState::kLive) {
    const AgentPolicy* found =
        RecordedAgent(*policy_, {.id = id, .agent = agent, .provisioned_at = {}, .state = state});
    return found == nullptr ? "none" : found->name;
  }

  const std::shared_ptr<const Policy> policy_ =
      *Policy::Create("main", "r", {Agent("ada"), Agent("fixed", "UFIXED")});
};

TEST_F(RecordedAgentTest, TheOneThatTheRecordNames) { EXPECT_EQ(AgentOf("UA", "ada"), "ada"); }

TEST_F(RecordedAgentTest, ThePinStandsAboveTheRecord) {
  EXPECT_EQ(AgentOf("UFIXED", "ada"), "fixed");
  EXPECT_EQ(AgentOf("UA", "fixed"), "none");
}

TEST_F(RecordedAgentTest, NoneThatThePolicyDoesNotHave) { EXPECT_EQ(AgentOf("UA", "bob"), "none"); }

TEST_F(RecordedAgentTest, NoneUnlessItIsLive) {
  for (const RecordState state :
       {RecordState::kBegun, RecordState::kLeaving, RecordState::kGone, RecordState::kRevoked}) {
    EXPECT_EQ(AgentOf("UA", "ada", state), "none");
    EXPECT_EQ(AgentOf("UFIXED", "fixed", state), "none");
  }
}

}  // namespace
}  // namespace meshwarden::recorded_agent_test
