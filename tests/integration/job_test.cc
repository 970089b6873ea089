// The main job on a real broker: agents' channels move as the policy allows, and only so.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::job_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  alice: { role: planner, allowSubscribe: [general, team.>], allowPublish: [general, team.>] }
  bob: { role: reviewer, allowSubscribe: [general, team.backend, ops.*], allowPublish: [general] }
  every: { subscribe: [general], allowSubscribe: [">"], allowPublish: [">"] }
)";

class JobTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  }

  void Post(const TestAgent& sender, const std::string& channel, const std::string& text) {
    const std::string subject = fmt::format("cotal.main.chat.{}.{}", sender.id, channel);
    ASSERT_THAT(sender.connection->Request(subject, text, kPatience), IsOk());
  }
  std::vector<std::string> TextsFor(TestAgent& agent) {
    const auto messages = Receive(agent, ChatStream("main"), ChatDurable(agent.id));
    EXPECT_THAT(messages, IsOk());
    std::vector<std::string> texts;
    for (const NatsMessage& message : *messages) texts.push_back(message.payload);
    return texts;
  }
  void ExpectRefused(TestAgent& agent, const std::vector<std::string>& channels, const std::string& error,
                     const std::string& code) {
    const auto before = mesh_->FiltersOf(agent.id);
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(agent, channels));
    EXPECT_FALSE(reply.ok);
    EXPECT_EQ(reply.error, error);
    EXPECT_EQ(reply.code, code);
    EXPECT_EQ(*mesh_->FiltersOf(agent.id), *before);
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
};

TEST_F(JobTest, GrantedSetMovesTheFilterAndDeliversTheNewChannel) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent alice, mesh_->Provision("alice"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  ASSERT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general"}));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"general", "team.backend"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(DumpJson(reply.data), R"({"channels":["general","team.backend"]})");
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general", "team.backend"}));
  Post(alice, "team.backend", "in");
  Post(alice, "team.frontend", "out");
  EXPECT_THAT(TextsFor(bob), ElementsAre("in"));
}

// The order on the wire: the broker's answer to the update, and only then the answer to the agent.
TEST_F(JobTest, OkIsAnsweredOnlyAfterTheBrokerConfirmed) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  Mutex mutex;
  CondVar arrived;
  std::vector<std::string> seen;
  MW_ASSERT_OK_AND_ASSIGN(const auto tap, mesh_->root().Subscribe(">", "", [&](NatsMessage message) {
    const MutexLock lock(mutex);
    const bool answer = message.subject.rfind("_INBOX_", 0) == 0;  // and no advisory of the server's
    if (answer && message.payload.find("consumer_create_response") != std::string::npos) {
      seen.push_back("confirmed");
    }
    if (message.payload.find("\"ok\":true") != std::string::npos) seen.push_back("answered");
    arrived.NotifyAll();
  }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  ASSERT_THAT(SetChannels(bob, {"ops.*"}), IsOk());
  const MutexLock lock(mutex);
  while (seen.size() < 2) ASSERT_TRUE(arrived.WaitUntil(mutex, std::chrono::steady_clock::now() + kPatience));
  EXPECT_THAT(seen, ElementsAre("confirmed", "answered"));
}

TEST_F(JobTest, RefusedSetChangesNothingAndNamesTheRule) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  ExpectRefused(bob, {"general", "secret"},
                "channel \"secret\" is not within allowSubscribe [general, team.backend, ops.*]",
                "not_allowed");
  ExpectRefused(bob, {"team.*"},
                "channel \"team.*\" is not within allowSubscribe [general, team.backend, ops.*]",
                "not_allowed");
}

TEST_F(JobTest, WildcardsWithinTheGrantAreGranted) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent alice, mesh_->Provision("alice"));
  for (const std::string pattern : {"team.>", "team.*", "team.*.api", "team.a.>"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(alice, {"general", pattern}));
    EXPECT_TRUE(reply.ok) << pattern << ": " << reply.error;
    EXPECT_EQ(*mesh_->FiltersOf(alice.id), FiltersFor({"general", pattern}));
  }
}

TEST_F(JobTest, SixtyFourChannelsAreGrantedAndSixtyFiveRefused) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent every, mesh_->Provision("every"));
  std::vector<std::string> channels;
  for (int i = 0; i < 64; ++i) channels.push_back(fmt::format("c{}", i));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(every, channels));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(*mesh_->FiltersOf(every.id), FiltersFor(channels));
  channels.push_back("c64");
  ExpectRefused(every, channels, "setChannels: too many channels (max 64)", "too_many_channels");
}

TEST_F(JobTest, DuplicatesAndSurroundingSpaceAreWorkedOut) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          SetChannels(bob, {" general ", "general", "team.backend"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general", "team.backend"}));
}

TEST_F(JobTest, OverlapThatCollapsingCannotResolveIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent every, mesh_->Provision("every"));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(every, {"a.*.c", "a.b.>"}));
  EXPECT_FALSE(reply.ok);
  EXPECT_EQ(reply.code, "overlap");
  EXPECT_THAT(reply.error, HasSubstr("\"a.*.c\" and \"a.b.>\""));
  EXPECT_EQ(*mesh_->FiltersOf(every.id), FiltersFor({"general"}));
}

TEST_F(JobTest, ListsThatAreNoneAreRefused) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  const std::string error = "setChannels: channels must be a non-empty list of non-blank strings";
  for (const std::string args :
       {R"({})", R"({"channels":[]})", R"({"channels":"general"})", R"({"channels":["general",""]})",
        R"({"channels":[" "]})", R"({"channels":[1]})", R"({"channels":null})"}) {
    const std::string payload =
        fmt::format(R"({{"op":"setChannels","args":{},"from":{{"id":"{}"}}}})", args, bob.id);
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(bob, payload));
    EXPECT_FALSE(reply.ok);
    EXPECT_EQ(reply.error, error) << args;
  }
  // Arguments that are null are arguments that are not there.
  MW_ASSERT_OK_AND_ASSIGN(
      const ControlReply none,
      SendRaw(bob, fmt::format(R"({{"op":"setChannels","args":null,"from":{{"id":"{}"}}}})", bob.id)));
  EXPECT_EQ(none.error, error);
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general"}));
}

TEST_F(JobTest, UnknownAgentIsToldSo) {
  TestAgent stranger;
  MW_ASSERT_OK_AND_ASSIGN(stranger.creds, mesh_->Mint(Profile::kAgent));
  stranger.id = stranger.creds->id();
  MW_ASSERT_OK_AND_ASSIGN(stranger.connection, mesh_->Connect(stranger.creds));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(stranger, {"general"}));
  EXPECT_EQ(reply.error, "setChannels: caller " + stranger.id + " is not an agent this manager spawned");
  EXPECT_EQ(reply.code, "unknown_agent");
}

TEST_F(JobTest, UnknownOperationIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  const std::string payload = fmt::format(R"({{"op":"purge","from":{{"id":"{}"}}}})", bob.id);
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(bob, payload));
  EXPECT_FALSE(reply.ok);
  EXPECT_EQ(reply.error, "op \"purge\" not allowed on self-service control subject");
  EXPECT_EQ(reply.code, "op_not_allowed");
}

TEST_F(JobTest, AnotherAgentInFromIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent alice, mesh_->Provision("alice"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(bob, SetChannelsPayload(alice.id, {"team.>"})));
  EXPECT_EQ(reply.error, "sender mismatch — request rejected");
  EXPECT_EQ(*mesh_->FiltersOf(alice.id), FiltersFor({"general"}));
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general"}));
}

TEST_F(JobTest, ARequestThatNamesNoSenderIsRefusedAsAMismatch) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  for (const char* payload : {R"({"op":"setChannels","args":{"channels":["team.backend"]}})",
                              R"({"op":"setChannels","args":{"channels":["team.backend"]},"from":null})",
                              R"({"op":"setChannels","args":{"channels":["team.backend"]},"from":{}})",
                              R"({"op":"whoami","from":{"id":""}})"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(bob, payload));
    EXPECT_FALSE(reply.ok) << payload;
    EXPECT_EQ(reply.error, "sender mismatch — request rejected") << payload;
    EXPECT_EQ(reply.code, "sender_mismatch") << payload;
  }
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general"}));
}

TEST_F(JobTest, WhoamiTellsWhatPolicyAndBrokerSay) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  ASSERT_THAT(SetChannels(bob, {"ops.*"}), IsOk());
  const std::string payload = fmt::format(R"({{"op":"whoami","from":{{"id":"{}"}}}})", bob.id);
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(bob, payload));
  ASSERT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(reply.data.at("id"), bob.id);
  EXPECT_EQ(reply.data.at("agent"), "bob");
  EXPECT_EQ(reply.data.at("role"), "reviewer");
  EXPECT_EQ(reply.data.at("allowSubscribe"), Json({"general", "team.backend", "ops.*"}));
  EXPECT_EQ(reply.data.at("channels"), Json::array({"ops.*"}));
}

TEST_F(JobTest, ProvisioningTwiceKeepsFilterAndCursor) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent alice, mesh_->Provision("alice"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  ASSERT_THAT(SetChannels(bob, {"general", "team.backend"}), IsOk());
  Post(alice, "general", "one");
  ASSERT_THAT(TextsFor(bob), ElementsAre("one"));
  Post(alice, "team.backend", "two");
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult again, mesh_->ProvisionId("bob", bob.id));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general", "team.backend"}));
  EXPECT_THAT(TextsFor(bob), ElementsAre("two"));
}

TEST_F(JobTest, ProvisioningAgainCutsAFilterBackToThePolicy) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig wide,
                          ChatDurableConfig("main", bob.id, std::vector<std::string>{"general", "secret"}));
  ASSERT_THAT(mesh_->root_api().UpdateConsumer(ChatStream("main"), wide), IsOk());
  ASSERT_THAT(mesh_->ProvisionId("bob", bob.id), IsOk());
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"general"}));
}

TEST_F(JobTest, AnIdentityDoesNotBecomeAnotherAgent) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  EXPECT_THAT(mesh_->ProvisionId("every", bob.id),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("bob")));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"secret"}));
  EXPECT_FALSE(reply.ok);
}

TEST_F(JobTest, ARestartedManagerServesAgentsProvisionedBefore) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
  manager_->Signal(SIGTERM);
  EXPECT_THAT(manager_->Wait(kPatience), IsOkAndHolds(0));
  EXPECT_THAT(SetChannels(bob, {"ops.*"}), StatusIs(absl::StatusCode::kUnavailable));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"ops.*"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor({"ops.*"}));
}

TEST_F(JobTest, TwoManagersShareTheRequestsAndEitherMayDie) {
  MW_ASSERT_OK_AND_ASSIGN(const auto second, mesh_->StartManager());
  // Each agent is served by one of them.
  std::vector<TestAgent> agents;
  for (int i = 0; i < 16; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh_->Provision("bob"));
    agents.push_back(std::move(bob));
  }
  for (int i = 0; i < 64; ++i) {
    TestAgent& bob = agents[static_cast<std::size_t>(i) % agents.size()];
    const std::vector<std::string> channels = {i < 32 ? "ops.*" : "general"};
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, channels));
    ASSERT_TRUE(reply.ok) << reply.error;
    ASSERT_EQ(*mesh_->FiltersOf(bob.id), FiltersFor(channels));
  }
  EXPECT_THAT(manager_->WaitForOutput("verdict=granted", kPatience), IsOk());
  EXPECT_THAT(second->WaitForOutput("verdict=granted", kPatience), IsOk());
  manager_->Signal(SIGKILL);
  ASSERT_THAT(manager_->Wait(kPatience), IsOk());
  // Until the server has noticed, it may still hand a request to the dead one: that one is asked again.
  for (TestAgent& bob : agents) {
    if (!SetChannels(bob, {"general"}).ok()) {
      ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
    }
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob, {"ops.*"}));
    EXPECT_TRUE(reply.ok) << reply.error;
  }
}

}  // namespace
}  // namespace meshwarden::testing::job_test
