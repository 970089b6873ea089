// A move that was sent and not answered, and that the broker carries out after a later one was confirmed:
// whoever serves the agent by then takes it back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "proto/control.h"
#include "tests/support/eventually.h"
#include "tests/support/mesh.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::late_moves_test {
namespace {

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  ada: { subscribe: [general], allowSubscribe: [">"] }
)";
constexpr char kStranded[] = "early";
constexpr char kTakenBack[] = "carried out an earlier move late; the later one was put back";

class LateMovesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    ASSERT_NO_FATAL_FAILURE(LetTheBrokerWait());
    for (int i = 0; i < 8; ++i) {
      MW_ASSERT_OK_AND_ASSIGN(TestAgent agent, mesh_->Provision("ada"));
      agents_.push_back(std::move(agent));
    }
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(mesh_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(behind_, mesh_->LaunchManager({"--server", proxy_->url()}));
    ASSERT_THAT(behind_->WaitForOutput("ready", kPatience), IsOk());
  }
  void TearDown() override {
    for (const auto& manager : {behind_.get(), other_.get()}) {
      if (HasFailure() && manager != nullptr) ADD_FAILURE() << "a manager printed:\n" << manager->Output();
    }
  }
  // So that it keeps a connection of which it hears nothing, and carries out what comes by it late.
  void LetTheBrokerWait() {
    MW_ASSERT_OK_AND_ASSIGN(std::string config, ReadFile(mesh_->PathOf("server.conf"), 1 << 20));
    const std::string pings = "ping_interval: \"2s\"";
    const std::size_t found = config.find(pings);
    ASSERT_NE(found, std::string::npos) << config;
    config.replace(found, pings.size(), "ping_interval: \"60s\"");
    ASSERT_THAT(WriteFile(mesh_->PathOf("server.conf"), config,
                          {.mode = FileMode::kReadable, .if_exists = IfExists::kReplace}),
                IsOk());
    ASSERT_THAT(mesh_->RestartBroker(), IsOk());
  }
  // The first agent whose move goes by the manager behind the proxy, which holds it; null if none does.
  TestAgent* StrandOne() {
    proxy_->StrandFrom("CONSUMER.DURABLE.CREATE.CHAT_main");
    for (TestAgent& agent : agents_) {
      const absl::StatusOr<ControlReply> reply = SetChannels(agent, {kStranded});
      if (!reply.ok() || !reply->ok) return &agent;
    }
    return nullptr;
  }
  bool Settles(TestAgent& agent, const std::vector<std::string>& channels) {
    return Eventually([&] {
      const absl::StatusOr<ControlReply> reply = SetChannels(agent, channels);
      return reply.ok() && reply->ok;
    });
  }
  // Lets go what is held, and waits until it was carried out and taken back.
  void ExpectTakenBack(Process& by, const TestAgent& agent, const std::vector<std::string>& channels) {
    EXPECT_EQ(mesh_->FiltersOf(agent.id).value(), FiltersFor(channels));
    proxy_->ReleaseStranded();
    EXPECT_THAT(by.WaitForOutput(kTakenBack, kPatience), IsOk());
    EXPECT_EQ(mesh_->FiltersOf(agent.id).value(), FiltersFor(channels));
  }

  std::unique_ptr<Mesh> mesh_;
  std::vector<TestAgent> agents_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Process> behind_;
  std::unique_ptr<Process> other_;
};

TEST_F(LateMovesTest, AreTakenBackByTheManagerThatLostThem) {
  TestAgent* const agent = StrandOne();
  ASSERT_NE(agent, nullptr);
  // By a connection of its own, so that only the first is held.
  ASSERT_THAT(behind_->WaitForOutput("connection lost connection=mover", kPatience), IsOk());
  ASSERT_TRUE(Settles(*agent, {"later"}));
  ExpectTakenBack(*behind_, *agent, {"later"});
}

TEST_F(LateMovesTest, AreTakenBackByAnotherManagerOnceTheirOwnIsGone) {
  MW_ASSERT_OK_AND_ASSIGN(other_, mesh_->StartManager());
  ASSERT_THAT(behind_->WaitForOutput("managers=2", kPatience), IsOk());
  TestAgent* const agent = StrandOne();
  ASSERT_NE(agent, nullptr);
  behind_->Signal(SIGKILL);
  ASSERT_TRUE(Settles(*agent, {"later"}));
  ExpectTakenBack(*other_, *agent, {"later"});
}

// Nobody was told of anything later: what comes is what was asked for last.
TEST_F(LateMovesTest, StayWhereNothingLaterWasConfirmed) {
  TestAgent* const agent = StrandOne();
  ASSERT_NE(agent, nullptr);
  EXPECT_EQ(mesh_->FiltersOf(agent->id).value(), FiltersFor({"general"}));
  proxy_->ReleaseStranded();
  EXPECT_TRUE(Eventually([&] { return mesh_->FiltersOf(agent->id).value() == FiltersFor({kStranded}); }));
}

}  // namespace
}  // namespace meshwarden::testing::late_moves_test
