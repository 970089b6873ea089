// One credential in two processes of `meshwarden agent`: both drivers hear of it, and the manager's operator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::agent_twins_test {
namespace {

bool IsTold(const Json& line) {
  return IsEvent("error")(line) &&
         line.at("error").get<std::string>().find("another process runs under this id") != std::string::npos;
}

TEST_F(AgentCommandTest, E19_OneIdentityInTwoProcessesIsToldToBothAndToTheManager) {
  const TestAgent bob = Provision("bob");
  const auto one = Drive(bob);
  const auto other = Drive(bob);
  EXPECT_THAT(one->AwaitLine(IsTold, kPatience), IsOk());
  EXPECT_THAT(other->AwaitLine(IsTold, kPatience), IsOk());
  EXPECT_THAT(manager_->WaitForOutput("an agent says that its identity runs in two processes id=" + bob.id,
                                      kPatience),
              IsOk());
}

TEST_F(AgentCommandTest, E19_OneThatWasKilledAndStartedAgainIsAlone) {
  const TestAgent bob = Provision("bob");
  {
    const auto former = Drive(bob);
    former->Signal(SIGKILL);
    ASSERT_THAT(former->Wait(kPatience), IsOk());
  }
  const auto child = Drive(bob);
  // More than two heartbeats.
  EXPECT_THAT(child->AwaitLine(IsTold, std::chrono::seconds(5)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace meshwarden::testing::agent_twins_test
