// Programs that are told to stop while they connect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::stop_test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// A second, and what a busy machine takes besides; less than an attempt to connect takes.
constexpr seconds kSoon{3};

// Behind a network that swallows everything.
class StopWhileConnecting : public AgentCommandTest {
 protected:
  void SetUp() override {
    AgentCommandTest::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(mesh_->broker().port()));
    proxy_->Hang(true);
  }

  std::unique_ptr<TcpProxy> proxy_;
};

TEST_F(StopWhileConnecting, AManagerEndsAtOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto second, mesh_->LaunchManager({"--server", proxy_->url()}));
  ASSERT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
  const auto told = steady_clock::now();
  second->Signal(SIGTERM);
  EXPECT_THAT(second->Wait(kPatience), IsOkAndHolds(0)) << second->Output();
  EXPECT_LT(steady_clock::now() - told, kSoon);
  EXPECT_THAT(second->WaitForOutput("stopping", kPatience), IsOk());
}

TEST_F(StopWhileConnecting, AManagerThatIsToldOfItsPolicyGoesOn) {
  MW_ASSERT_OK_AND_ASSIGN(const auto second, mesh_->LaunchManager({"--server", proxy_->url()}));
  ASSERT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
  second->Signal(SIGHUP);
  EXPECT_THAT(second->WaitForOutput("SIGHUP", kPatience), IsOk());
  second->Signal(SIGTERM);
  EXPECT_THAT(second->Wait(kPatience), IsOkAndHolds(0));
}

TEST_F(StopWhileConnecting, AnAgentEndsAtOnce) {
  std::vector<std::string> arguments = Arguments(Provision("bob"), {});
  *(std::find(arguments.begin(), arguments.end(), "--server") + 1) = proxy_->url();
  const auto child = Launch(arguments);
  ASSERT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
  const auto told = steady_clock::now();
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(0)) << child->Errors();
  EXPECT_LT(steady_clock::now() - told, kSoon);
}

// Also one that has been in a space, and is looking for the way back.
TEST_F(StopWhileConnecting, AnAgentThatLostItsBrokerEndsAtOnce) {
  proxy_->Hang(false);
  std::vector<std::string> arguments = Arguments(Provision("bob"), {});
  *(std::find(arguments.begin(), arguments.end(), "--server") + 1) = proxy_->url();
  const auto child = Launch(arguments);
  ASSERT_THAT(child->AwaitLine(IsEvent("ready"), kPatience), IsOk());
  proxy_->Hang(true);
  proxy_->Cut();
  ASSERT_THAT(child->AwaitLine(
                  [](const Json& line) {
                    return line.value("event", "") == "connection" && !line.value("connected", true);
                  },
                  kPatience),
              IsOk());
  ASSERT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
  const auto told = steady_clock::now();
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(0)) << child->Errors();
  EXPECT_LT(steady_clock::now() - told, kSoon);
}

}  // namespace
}  // namespace meshwarden::testing::stop_test
