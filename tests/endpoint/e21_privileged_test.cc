// E21: what only a trusted party may do to a space.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/registry.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e21_privileged_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Channels = std::vector<std::string>;

// Of a consumer that reads all messages of the chat of the space, and of nothing else.
bool LiesInTheChat(const std::string& filter) {
  return filter.starts_with("cotal.main.chat.*.") && filter.size() > std::string("cotal.main.chat.*.").size();
}

class PrivilegedTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    trusted_ = std::make_unique<Privileged>(space_->root_api(), "main");
    ASSERT_THAT(trusted_->CreateSpaceStreams(/*replicas=*/1), IsOk());
  }
  JetStreamApi& api() { return space_->root_api(); }
  std::uint64_t Stored(const std::string& stream) { return api().GetStream(stream)->messages; }

  std::unique_ptr<Privileged> trusted_;
};
INSTANTIATE_TEST_SUITE_P(, PrivilegedTest, kBothModes, kModeName);

TEST_P(PrivilegedTest, E21_TheSpacesStreamsAndBucketsAreThere) {
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo chat, api().GetStream("CHAT_main"));
  EXPECT_EQ(chat.config.at("subjects"), Json({"cotal.main.chat.>"}));
  EXPECT_EQ(chat.config.at("max_msgs_per_subject"), 1000);
  EXPECT_EQ(chat.config.at("allow_direct"), true);
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo direct, api().GetStream("DM_main"));
  EXPECT_EQ(direct.config.at("subjects"), Json({"cotal.main.inst.>"}));
  EXPECT_EQ(direct.config.at("allow_direct"), false);
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo task, api().GetStream("TASK_main"));
  EXPECT_EQ(task.config.at("retention"), "workqueue");
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo presence, api().GetStream("KV_cotal_presence_main"));
  EXPECT_EQ(presence.config.at("max_age"), 6'000'000'000);
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo channels, api().GetStream("KV_cotal_channels_main"));
  EXPECT_EQ(channels.config.at("max_age"), 0);
  // And making them again changes nothing.
  ASSERT_THAT(trusted_->CreateSpaceStreams(1), IsOk());
  EXPECT_EQ(api().GetStream("CHAT_main")->config, chat.config);
}

TEST_P(PrivilegedTest, E21_ProvisioningMakesWhatAnAgentBinds) {
  ASSERT_THAT(trusted_->ProvisionChatDurable("UX", Channels{"general", "team.>", "team.a"}), IsOk());
  ASSERT_THAT(trusted_->ProvisionDmInbox("UX"), IsOk());
  ASSERT_THAT(trusted_->ProvisionTaskQueue("tester"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo chat, api().GetConsumer("CHAT_main", "chat_UX"));
  EXPECT_THAT(chat.config.Filters(),
              UnorderedElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.>"));
  EXPECT_EQ(chat.config.deliver_policy, "new");
  EXPECT_EQ(chat.config.ack_policy, "explicit");
  EXPECT_EQ(chat.config.ack_wait, std::chrono::seconds(60));
  // One that the broker deleted after a while could not be brought back by an agent.
  EXPECT_EQ(chat.config.extra.value("inactive_threshold", 0), 0);
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo inbox, api().GetConsumer("DM_main", "dm_UX"));
  EXPECT_THAT(inbox.config.Filters(), ElementsAre("cotal.main.inst.UX.*"));
  EXPECT_EQ(inbox.config.deliver_policy, "all");
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo queue, api().GetConsumer("TASK_main", "svc_tester"));
  EXPECT_THAT(queue.config.Filters(), ElementsAre("cotal.main.svc.tester.*"));
}

TEST_P(PrivilegedTest, E21_WhatWasProvisionedIsWhatAnEndpointBinds) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  ASSERT_THAT(trusted_->ProvisionChatDurable(options.card.id, Channels{"general"}), IsOk());
  ASSERT_THAT(trusted_->ProvisionDmInbox(options.card.id), IsOk());
  ASSERT_THAT(trusted_->ProvisionTaskQueue("planner"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  ASSERT_THAT(space_->Post("general", "for all"), IsOk());
  EXPECT_TRUE(ada->AwaitText("for all"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_THAT(bob->endpoint->Unicast(ada->endpoint->id(), Text("for you")), IsOk());
  ASSERT_THAT(bob->endpoint->Anycast("planner", Text("for one of you")), IsOk());
  EXPECT_TRUE(ada->AwaitText("for you"));
  EXPECT_TRUE(ada->AwaitText("for one of you"));
}

TEST_P(PrivilegedTest, E21_AMovedFilterIsExactlyTheChannelsThatWereNamed) {
  ASSERT_THAT(trusted_->ProvisionChatDurable("UX", Channels{"general"}), IsOk());
  ASSERT_THAT(trusted_->SetChatFilterFor("UX", Channels{"ops", "team.>", "team.a.b", "ops"}), IsOk());
  EXPECT_THAT(space_->FilterOf("UX"), IsOkAndHolds(ElementsAre("ops", "team.>")));
  ASSERT_THAT(trusted_->SetChatFilterFor("UX", Channels{">"}), IsOk());
  EXPECT_THAT(space_->FilterOf("UX"), IsOkAndHolds(ElementsAre(">")));
  EXPECT_THAT(trusted_->SetChatFilterFor("NOBODY", Channels{"ops"}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(api().GetConsumer("CHAT_main", "chat_NOBODY"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(PrivilegedTest, E21_AStrangeNameIsRefusedAndTheFilterStays) {
  ASSERT_THAT(trusted_->ProvisionChatDurable("UX", Channels{"general"}), IsOk());
  for (const std::string channel : {"", " ", "general ", "a/b", "a..b", ".a", "a.", ">.a", "a.>.b",
                                    "$JS.API.>", "$KV.>", "a b", "a\r\nb", "général", "a*", "_INBOX.>\t"}) {
    EXPECT_THAT(trusted_->SetChatFilterFor("UX", Channels{channel}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
    EXPECT_THAT(trusted_->SetChatFilterFor("UX", Channels{"ops", channel}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
    EXPECT_THAT(trusted_->ProvisionChatDurable("UNEW", Channels{channel}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
  }
  EXPECT_THAT(trusted_->SetChatFilterFor("UX", Channels{}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(trusted_->ProvisionChatDurable("UNEW", Channels{}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(space_->FilterOf("UX"), IsOkAndHolds(ElementsAre("general")));
  EXPECT_THAT(api().GetConsumer("CHAT_main", "chat_UNEW"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(PrivilegedTest, E21_ASubjectThatIsGivenForAChannelStaysWithinTheChat) {
  ASSERT_THAT(trusted_->ProvisionChatDurable("UX", Channels{"general"}), IsOk());
  for (const std::string subject :
       {"cotal.main.chat.*.ops", "cotal.main.inst.>", "cotal.other.chat.>", "cotal.main.ctl.self.*"}) {
    ASSERT_THAT(trusted_->SetChatFilterFor("UX", Channels{subject}), IsOk()) << subject;
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo info, api().GetConsumer("CHAT_main", "chat_UX"));
    EXPECT_THAT(info.config.Filters(), ElementsAre("cotal.main.chat.*." + subject));
    for (const std::string& filter : info.config.Filters()) EXPECT_TRUE(LiesInTheChat(filter)) << filter;
  }
}

TEST_P(PrivilegedTest, E21_AnIdOrARoleThatIsNoTokenIsRefused) {
  // A wildcard would read what is meant for others, and one that is rewritten would share another's durable.
  for (const std::string name : {"", "*", ">", "UX.*", "UX.UY", "a b", "a/b"}) {
    const auto refused = StatusIs(absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(trusted_->ProvisionChatDurable(name, Channels{"general"}), refused) << name;
    EXPECT_THAT(trusted_->SetChatFilterFor(name, Channels{"general"}), refused) << name;
    EXPECT_THAT(trusted_->ProvisionDmInbox(name), refused) << name;
    EXPECT_THAT(trusted_->ProvisionTaskQueue(name), refused) << name;
  }
  for (const std::string stream : {"CHAT_main", "DM_main", "TASK_main"}) {
    EXPECT_THAT(api().ListConsumers(stream), IsOkAndHolds(IsEmpty())) << stream;
  }
}

TEST_P(PrivilegedTest, E21_ClearingAChannelOrAllOfThem) {
  for (const std::string channel : {"general", "ops", "team.a", "team.b"}) {
    ASSERT_THAT(space_->Post(channel, "1", "ONE"), IsOk());
    ASSERT_THAT(space_->Post(channel, "2", "TWO"), IsOk());
  }
  ASSERT_THAT(space_->Store("cotal.main.inst.UX.UY", "direct"), IsOk());
  ASSERT_THAT(space_->Store("cotal.main.svc.role.UY", "task"), IsOk());
  EXPECT_THAT(trusted_->ClearChannel("ops"), IsOkAndHolds(2u));
  EXPECT_THAT(trusted_->ClearChannel("team.a"), IsOkAndHolds(2u));
  EXPECT_THAT(trusted_->ClearChannel("team.b"), IsOkAndHolds(2u));
  EXPECT_THAT(trusted_->ClearChannel("nowhere"), IsOkAndHolds(0u));
  for (const std::string name : {"a/b", "", ">", "*", "team.*", "general.>"}) {
    EXPECT_THAT(trusted_->ClearChannel(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto left, api().GetStreamSubjects("CHAT_main", ">"));
  EXPECT_THAT(left,
              ElementsAre(Pair("cotal.main.chat.ONE.general", 1u), Pair("cotal.main.chat.TWO.general", 1u)));
  EXPECT_THAT(trusted_->ClearHistory(), IsOkAndHolds(2u));
  EXPECT_EQ(Stored("CHAT_main"), 0u);
  EXPECT_EQ(Stored("DM_main"), 1u);
  EXPECT_EQ(Stored("TASK_main"), 1u);
}

TEST_P(PrivilegedTest, E21_RegistryRecordsAreWrittenAsPeersReadThem) {
  ChannelConfig config;
  config.replay = false;
  MW_ASSERT_OK_AND_ASSIGN(config.replay_window, ReplayWindow::Parse("1440m"));
  config.description = "for operators — ☃";
  ASSERT_THAT(trusted_->SetChannelConfig("team.ops", config), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage record,
                          api().LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main.team.ops"));
  EXPECT_EQ(record.payload, R"({"replay":false,"replayWindow":"1440m","description":"for operators — ☃"})");
  ChannelDefaults defaults;
  defaults.replay = true;
  ASSERT_THAT(trusted_->SetChannelDefaults(defaults), IsOk());
  EXPECT_EQ(api().LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main.=defaults")->payload,
            R"({"replay":true})");
  ASSERT_THAT(trusted_->RemoveChannelConfig("team.ops"), IsOk());
  EXPECT_TRUE(api().LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main.team.ops")->deleted);
  EXPECT_THAT(trusted_->RemoveChannelConfig("never.there"), IsOk());
  ChannelConfig long_winded;
  long_winded.instructions = std::string(kMaxChannelInstructions + 1, 'x');
  for (const std::string channel : {"", "team.>", "*", "=defaults", "a/b"}) {
    EXPECT_THAT(trusted_->SetChannelConfig(channel, config), StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
  }
  EXPECT_THAT(trusted_->SetChannelConfig("ops", long_winded), StatusIs(absl::StatusCode::kInvalidArgument));
}

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->mesh().Provision("ada"));
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->mesh().Provision("bob"));
    api_ = std::make_unique<JetStreamApi>(*ada_.connection, kPatience);
    as_agent_ = std::make_unique<Privileged>(*api_, "main");
  }
  std::unique_ptr<TestSpace> space_;
  TestAgent ada_;
  TestAgent bob_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<Privileged> as_agent_;
};

TEST_F(AgentTest, E21_AnAgentsCredentialIsDeniedAllOfIt) {
  const auto denied = StatusIs(absl::StatusCode::kPermissionDenied);
  ASSERT_THAT(space_->Post("general", "kept"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto filters, space_->mesh().FiltersOf(ada_.id));
  EXPECT_THAT(as_agent_->CreateSpaceStreams(1), denied);
  EXPECT_THAT(as_agent_->ProvisionChatDurable("UNEW", Channels{"general"}), denied);
  EXPECT_THAT(as_agent_->ProvisionDmInbox(bob_.id), denied);
  EXPECT_THAT(as_agent_->ProvisionTaskQueue("reviewer"), denied);
  EXPECT_THAT(as_agent_->SetChatFilterFor(ada_.id, Channels{">"}), denied);
  EXPECT_THAT(as_agent_->SetChatFilterFor(bob_.id, Channels{">"}), denied);
  EXPECT_THAT(as_agent_->ClearHistory(), denied);
  EXPECT_THAT(as_agent_->ClearChannel("general"), denied);
  EXPECT_THAT(as_agent_->SetChannelConfig("general", {}), denied);
  EXPECT_THAT(as_agent_->RemoveChannelConfig("general"), denied);
  EXPECT_THAT(as_agent_->SetChannelDefaults({}), denied);
  EXPECT_THAT(space_->mesh().FiltersOf(ada_.id), IsOkAndHolds(filters));
  EXPECT_EQ(space_->root_api().GetStream("CHAT_main")->messages, 1u);
  EXPECT_EQ(space_->root_api().GetStream("KV_cotal_channels_main")->messages, 0u);
}

}  // namespace
}  // namespace meshwarden::testing::e21_privileged_test
