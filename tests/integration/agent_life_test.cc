// How `meshwarden agent` starts and ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::agent_life_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(AgentCommandTest, E22_AStartThatFailsIsToldOnStandardError) {
  const TestAgent bob = Provision("bob");
  std::vector<std::string> arguments = Arguments(bob, {});
  *(std::find(arguments.begin(), arguments.end(), "--server") + 1) = "nats://127.0.0.1:1";
  const auto child = Launch(arguments);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(1));
  EXPECT_THAT(child->NextLine(kPatience), StatusIs(absl::StatusCode::kAborted, HasSubstr("meshwarden: ")));

  const auto stranger = Launch(Arguments(bob, {"--id", "somebody"}));
  EXPECT_THAT(stranger->Wait(kPatience), IsOkAndHolds(1));
}

TEST_F(AgentCommandTest, E22_ACredentialOfAnotherSpaceIsToldApart) {
  const TestAgent bob = Provision("bob");
  std::vector<std::string> arguments = Arguments(bob, {});
  *(std::find(arguments.begin(), arguments.end(), "--space") + 1) = "other";
  const auto child = Launch(arguments);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(1));
  EXPECT_THAT(child->NextLine(kPatience),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("minted for another space than \"other\"?")));
}

TEST_F(AgentCommandTest, E22_WrongUsageIsTwo) {
  const TestAgent bob = Provision("bob");
  const auto expect_refused = [&](const std::vector<std::string>& arguments) {
    const auto child = Launch(arguments);
    EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(2));
    EXPECT_THAT(child->NextLine(kPatience),
                StatusIs(absl::StatusCode::kAborted, HasSubstr("meshwarden agent --help shows an example")));
  };
  expect_refused({});
  expect_refused({"--space", "main"});
  expect_refused({"--space", "main", "--name", " x"});
  expect_refused(Arguments(bob, {"--kind", "robot"}));
  expect_refused(Arguments(bob, {"--channels", "general,foo/bar"}));
  expect_refused(Arguments(bob, {"--colour"}));
}

TEST_F(AgentCommandTest, E22_TheEndOfTheInputStopsAfterTheLastCommand) {
  const auto child = Drive(Provision("bob"));
  child->SendLine(R"({"do":"frontier","ref":1})");
  child->CloseInput();
  EXPECT_THAT(child->AwaitLine(IsEvent("reply"), kPatience), IsOk());
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  EXPECT_THAT(child->Errors(), IsEmpty());
}

TEST_F(AgentCommandTest, E22_StopIsAnsweredAndStops) {
  const auto child = Drive(Provision("bob"));
  EXPECT_EQ(Call(*child, {{"do", "stop"}}).value("ok", false), true);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

TEST_F(AgentCommandTest, E22_ASignalStopsGracefully) {
  const TestAgent bob = Provision("bob");
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto child = Drive(bob);
    child->Signal(signal);
    EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
    EXPECT_THAT(child->Errors(), IsEmpty());
  }
}

// A control service that takes its time: the request hangs until it is told to end.
TEST_F(AgentCommandTest, E22_ASignalStopsWhileACommandBlocks) {
  const auto child = Drive(Provision("bob"));
  manager_->Signal(SIGSTOP);
  Collector<std::string> requests;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto tap, mesh_->root().Subscribe("cotal.main.ctl.>", "",
                                              [&](NatsMessage request) { requests.Add(request.payload); }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  child->SendLine(R"({"do":"control","service":"self","op":"whoami","timeoutMs":120000})");
  ASSERT_EQ(requests.Await(1).size(), 1U);
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  manager_->Signal(SIGCONT);
}

TEST_F(AgentCommandTest, E22_AReaderThatIsGoneStopsIt) {
  const TestAgent alice = Provision("alice");
  const auto child = Drive(Provision("bob"));
  child->CloseOutput();
  Post(alice, "general", "to nobody");
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

class StuckDriverTest : public AgentCommandTest {
 protected:
  // Drives an agent whose output is full and not read.
  std::unique_ptr<AgentChild> DriveStuck() {
    const TestAgent alice = Provision("alice");
    const TestAgent bob = Provision("bob");
    std::unique_ptr<AgentChild> child = Drive(bob);
    child->PauseReading();
    for (int i = 0; i < 200; ++i) Post(alice, "general", std::string(4096, 'x'));
    Flush(alice);
    AwaitAcknowledged(bob, 4);  // the pipe holds a few more
    return child;
  }
};

TEST_F(StuckDriverTest, E22_ASignalStopsThough) {
  const auto child = DriveStuck();
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

TEST_F(StuckDriverTest, E22_TheEndOfTheInputStopsThough) {
  const auto child = DriveStuck();
  child->SendLine(R"({"do":"roster"})");  // whose reply is stuck too
  child->CloseInput();
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

}  // namespace
}  // namespace meshwarden::testing::agent_life_test
