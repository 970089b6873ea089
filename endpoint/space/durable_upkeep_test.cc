#include "endpoint/space/durable_upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/fetch.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/support/broker.h"
#include "tests/support/interrupted_connection.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::durable_upkeep_test {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Channels = std::vector<std::string>;

constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr char kChat[] = "CHAT_main";
constexpr char kDm[] = "DM_main";
constexpr char kTask[] = "TASK_main";

// Durables of one agent UA that somebody has made beforehand, each in another way than the contract's.
class DurableUpkeepTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Start({})); }
  void Start(const BrokerOptions& options) {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(options));
    ConnectionOptions connection;
    connection.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(connection)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    privileged_ = std::make_unique<Privileged>(*api_, "main");
    ASSERT_THAT(privileged_->CreateSpaceStreams(1), IsOk());
  }
  ConsumerInfo Make(const std::string& stream, const ConsumerConfig& config) {
    absl::StatusOr<ConsumerInfo> made = api_->CreateConsumer(stream, config);
    EXPECT_THAT(made, IsOk());
    return made.value_or(ConsumerInfo());
  }
  ConsumerConfig WideInbox() {
    ConsumerConfig config = DmDurableConfig("main", "UA");
    config.filter_subject = "cotal.main.inst.*.*";
    return config;
  }
  ConsumerConfig ChatConfig(const Channels& channels = {"general"}) {
    return *ChatDurableConfig("main", "UA", channels);
  }
  void Store(const std::string& subject) {
    ASSERT_THAT(api_->PublishStored(subject, "", std::nullopt), IsOk());
  }
  // Delivers `count` messages, and acknowledges as many of them as `acked` says.
  void Deliver(const std::string& stream, const std::string& durable, std::size_t count, std::size_t acked) {
    MW_ASSERT_OK_AND_ASSIGN(const auto messages,
                            Fetch(*connection_, stream, durable, {.max_messages = count, .wait = kTimeout}));
    ASSERT_EQ(messages.size(), count);
    for (std::size_t i = 0; i < acked; ++i) {
      // With its answer, so that the broker has counted it.
      ASSERT_THAT(connection_->Request(messages[i].reply, "+ACK", kTimeout), IsOk());
    }
  }
  // For an agent that reads "general" and nothing else, whatever it read before.
  absl::StatusOr<UpheldDurable> ProvisionForGeneral(bool in_use) {
    const auto general = [](std::span<const std::string>) { return Channels{"general"}; };
    return privileged_->ProvisionChatDurable(
        {.id = "UA", .at_birth = {"general"}, .keep = general, .in_use = in_use});
  }
  // The subjects of what a durable has yet to deliver.
  std::vector<std::string> Rest(const std::string& stream, const std::string& durable) {
    std::vector<std::string> subjects;
    const absl::StatusOr<ConsumerInfo> info = api_->GetConsumer(stream, durable);
    EXPECT_THAT(info, IsOk());
    if (!info.ok() || info->num_pending == 0) return subjects;
    const auto messages =
        Fetch(*connection_, stream, durable, {.max_messages = info->num_pending, .wait = kTimeout});
    EXPECT_THAT(messages, IsOk());
    for (const NatsMessage& message : messages.value_or(std::vector<NatsMessage>())) {
      subjects.push_back(message.subject);
    }
    return subjects;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<Privileged> privileged_;
};

TEST_F(DurableUpkeepTest, WhatIsMissingIsMadeAndThenTakenAsItIs) {
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable made, privileged_->ProvisionDmInbox("UA"));
  EXPECT_TRUE(made.made);
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable again, privileged_->ProvisionDmInbox("UA"));
  EXPECT_FALSE(again.made);
  EXPECT_EQ(again.info.created, made.info.created);
}

TEST_F(DurableUpkeepTest, T28_AnInboxForTheMailOfAllBringsItsOwnOnly) {
  Make(kDm, WideInbox());
  Store("cotal.main.inst.UB.UC");
  Store("cotal.main.inst.UA.UC");
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable inbox, privileged_->ProvisionDmInbox("UA"));
  EXPECT_THAT(inbox.info.config.Filters(), ElementsAre("cotal.main.inst.UA.*"));
  EXPECT_THAT(Rest(kDm, "dm_UA"), ElementsAre("cotal.main.inst.UA.UC"));
}

TEST_F(DurableUpkeepTest, T28_AnInboxThatHoldsTheMailOfOthersIsRefusedAndStays) {
  const ConsumerInfo before = Make(kDm, WideInbox());
  Store("cotal.main.inst.UB.UC");
  ASSERT_NO_FATAL_FAILURE(Deliver(kDm, "dm_UA", 1, 0));
  EXPECT_THAT(privileged_->ProvisionDmInbox("UA"),
              StatusIs(kPrecondition, AllOf(HasSubstr("dm_UA"), HasSubstr("DM_main"),
                                            HasSubstr(R"(["cotal.main.inst.*.*"])"))));
  EXPECT_EQ(api_->GetConsumer(kDm, "dm_UA")->created, before.created);
}

TEST_F(DurableUpkeepTest, AnInboxThatHasPassedTheMailOfOthersOnIsNarrowedWhereItStands) {
  const ConsumerInfo before = Make(kDm, WideInbox());
  Store("cotal.main.inst.UB.UC");
  Store("cotal.main.inst.UA.UC");
  ASSERT_NO_FATAL_FAILURE(Deliver(kDm, "dm_UA", 1, 1));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable inbox, privileged_->ProvisionDmInbox("UA"));
  EXPECT_EQ(inbox.info.created, before.created);
  EXPECT_EQ(inbox.info.ack_floor_stream_seq, 1U);
  EXPECT_THAT(inbox.info.config.Filters(), ElementsAre("cotal.main.inst.UA.*"));
}

// It has passed over what it did not select.
TEST_F(DurableUpkeepTest, AUsedInboxOfAnotherIsRefused) {
  ConsumerConfig other = DmDurableConfig("main", "UA");
  other.filter_subject = "cotal.main.inst.UB.*";
  Make(kDm, other);
  Store("cotal.main.inst.UB.UC");
  ASSERT_NO_FATAL_FAILURE(Deliver(kDm, "dm_UA", 1, 1));
  EXPECT_THAT(privileged_->ProvisionDmInbox("UA"), StatusIs(kPrecondition, HasSubstr("inst.UB")));
}

TEST_F(DurableUpkeepTest, T28_AChatDurableThatDeliversElsewhereIsMadeAnew) {
  ConsumerConfig push = ChatConfig();
  push.extra["deliver_subject"] = "somewhere";
  Make(kChat, push);
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat,
                          privileged_->ProvisionChatDurable("UA", Channels{"general"}));
  EXPECT_FALSE(chat.info.config.extra.contains("deliver_subject"));
  EXPECT_EQ(chat.info.config.deliver_policy, "new");
}

TEST_F(DurableUpkeepTest, T28_AUsedChatDurableOfAnotherPolicyGoesOnBehindWhatWasAcknowledged) {
  ConsumerConfig all = ChatConfig({"general", "team.a"});
  all.deliver_policy = "all";
  all.ack_policy = "all";
  Make(kChat, all);
  for (int i = 0; i < 3; ++i) Store("cotal.main.chat.UB.general");
  ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 2, 1));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat,
                          privileged_->ProvisionChatDurable("UA", Channels{"general"}));
  EXPECT_EQ(chat.info.config.ack_policy, "explicit");
  EXPECT_EQ(chat.info.config.extra.at("opt_start_seq"), 2);
  EXPECT_THAT(chat.info.config.Filters(),
              ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.a"));
  EXPECT_EQ(Rest(kChat, "chat_UA").size(), 2U);
}

// Somebody whose connection can be held up, about to replace a chat durable that goes on with message 2.
class ReplacementTest : public DurableUpkeepTest {
 protected:
  static constexpr char kCreate[] = "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main";

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(DurableUpkeepTest::SetUp());
    ConsumerConfig other = ChatConfig();
    other.ack_policy = "all";
    Make(kChat, other);
    for (int i = 0; i < 3; ++i) Store("cotal.main.chat.UB.general");
    ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 2, 1));
    MW_ASSERT_OK_AND_ASSIGN(proxy_, testing::TcpProxy::Start(broker_->port()));
    ConnectionOptions options;
    options.servers = {proxy_->url()};
    MW_ASSERT_OK_AND_ASSIGN(held_up_, Connection::Open(std::move(options)));
    interrupted_ = std::make_unique<testing::InterruptedConnection>(*held_up_);
  }
  absl::StatusOr<UpheldDurable> Provision(std::chrono::milliseconds timeout) {
    JetStreamApi api(*interrupted_, timeout);
    return Privileged(api, "main").ProvisionChatDurable("UA", Channels{"general"});
  }

  std::unique_ptr<testing::TcpProxy> proxy_;
  std::unique_ptr<Connection> held_up_;
  std::unique_ptr<testing::InterruptedConnection> interrupted_;
};

TEST_F(ReplacementTest, IsAskedForAgainWithItsPlace) {
  interrupted_->BeforeRequest(kCreate, [&] {
    proxy_->HoldAnswers(true);
    interrupted_->BeforeRequest(kCreate, [&] { proxy_->HoldAnswers(false); });
  });
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat, Provision(std::chrono::seconds(3)));
  EXPECT_EQ(chat.info.config.ack_policy, "explicit");
  EXPECT_EQ(chat.info.config.extra.at("opt_start_seq"), 2);
}

TEST_F(ReplacementTest, IsDeletedAndMadeAlsoIfTheDeletionIsNotAnswered) {
  const std::string remove = "$JS.API.CONSUMER.DELETE.CHAT_main";
  const std::string look = "$JS.API.CONSUMER.INFO.CHAT_main";
  interrupted_->BeforeRequest(remove, [&] {
    proxy_->HoldAnswers(true);
    interrupted_->BeforeRequest(look, [&] { proxy_->HoldAnswers(false); });
  });
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat, Provision(std::chrono::seconds(3)));
  EXPECT_EQ(chat.info.config.extra.at("opt_start_seq"), 2);
}

TEST_F(ReplacementTest, ThatFailsTellsItsPlace) {
  interrupted_->BeforeRequest(kCreate, [&] { ASSERT_THAT(broker_->Kill(), IsOk()); });
  EXPECT_THAT(Provision(kTimeout),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("chat_UA"), HasSubstr("message 2"))));
}

TEST_F(DurableUpkeepTest, AChatDurableThatAManagerMadeAnewIsTakenAsItIs) {
  const ConsumerInfo before = Make(kChat, BeginningAt(ChatConfig(), {.seq = 7, .time = {}}));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat,
                          privileged_->ProvisionChatDurable("UA", Channels{"general"}));
  EXPECT_EQ(chat.info.created, before.created);
  EXPECT_EQ(chat.info.config.extra.at("opt_start_seq"), 7);
}

// What somebody else had delivered by it would come to the agent after the wait for the acknowledgement.
TEST_F(DurableUpkeepTest, T28_WhatIsInDeliveryOfOtherChannelsDoesNotComeToTheNextReader) {
  Make(kChat, ChatConfig({"general", "ops"}));
  Store("cotal.main.chat.UB.ops");
  Store("cotal.main.chat.UB.general");
  ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 2, 0));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat, ProvisionForGeneral(/*in_use=*/false));
  EXPECT_EQ(chat.info.num_ack_pending, 0U);
  EXPECT_THAT(Rest(kChat, "chat_UA"), ElementsAre("cotal.main.chat.UB.general"));
}

// Of one that has acknowledged nothing a broker may not tell where it began.
TEST_F(DurableUpkeepTest, T28_WhatWasThereBeforeADurableDoesNotComeByTheOneInItsPlace) {
  for (int i = 0; i < 3; ++i) Store("cotal.main.chat.UB.general");
  Make(kChat, ChatConfig({"general", "ops"}));
  Store("cotal.main.chat.UC.general");
  ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 1, 0));
  ASSERT_THAT(ProvisionForGeneral(/*in_use=*/false), IsOk());
  EXPECT_THAT(Rest(kChat, "chat_UA"), ElementsAre("cotal.main.chat.UC.general"));
}

// Twice replaced, it still begins where the first one did.
TEST_F(DurableUpkeepTest, T28_WhatWasThereBeforeADurableThatWasMadeAnewDoesNotCome) {
  for (int i = 0; i < 3; ++i) Store("cotal.main.chat.UB.general");
  Make(kChat, BeginningAt(ChatConfig({"general", "ops"}), {.seq = 3, .time = {}}));
  ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 1, 0));
  ASSERT_THAT(ProvisionForGeneral(/*in_use=*/false), IsOk());
  EXPECT_EQ(Rest(kChat, "chat_UA").size(), 1u);
}

TEST_F(DurableUpkeepTest, TheFilterOfOneInUseIsMovedAsItStands) {
  const ConsumerInfo before = Make(kChat, ChatConfig({"general", "ops"}));
  Store("cotal.main.chat.UB.ops");
  ASSERT_NO_FATAL_FAILURE(Deliver(kChat, "chat_UA", 1, 0));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable chat, ProvisionForGeneral(/*in_use=*/true));
  EXPECT_EQ(chat.info.created, before.created);
  EXPECT_THAT(chat.info.config.Filters(), ElementsAre("cotal.main.chat.*.general"));
}

TEST_F(DurableUpkeepTest, WhatAnUpdateChangesIsPutRightWhereItStands) {
  ConsumerConfig odd = DmDurableConfig("main", "UA");
  odd.ack_wait = std::chrono::seconds(1);
  odd.extra = {{"max_deliver", 1}, {"max_ack_pending", 1}, {"headers_only", true}};
  odd.extra["inactive_threshold"] = std::chrono::nanoseconds(std::chrono::hours(1)).count();
  const ConsumerInfo before = Make(kDm, odd);
  Store("cotal.main.inst.UA.UC");
  ASSERT_NO_FATAL_FAILURE(Deliver(kDm, "dm_UA", 1, 1));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable inbox, privileged_->ProvisionDmInbox("UA"));
  EXPECT_EQ(inbox.info.created, before.created);
  EXPECT_EQ(inbox.info.ack_floor_stream_seq, 1U);
  EXPECT_EQ(inbox.info.config.ack_wait, std::chrono::seconds(60));
  EXPECT_EQ(inbox.info.config.extra.value("inactive_threshold", 0), 0);
  EXPECT_EQ(inbox.info.config.extra.value("max_deliver", 0), -1);
  EXPECT_EQ(inbox.info.config.extra.value("max_ack_pending", 0), 1000);
  EXPECT_FALSE(inbox.info.config.extra.value("headers_only", false));
}

TEST_F(DurableUpkeepTest, T28_AQueueForTheTasksOfAllRolesIsMadeAnewAlsoIfItWasUsed) {
  ConsumerConfig wide = TaskDurableConfig("main", "tester");
  wide.filter_subject = "cotal.main.svc.*.*";
  Make(kTask, wide);
  Store("cotal.main.svc.planner.UC");
  Store("cotal.main.svc.tester.UC");
  ASSERT_NO_FATAL_FAILURE(Deliver(kTask, "svc_tester", 2, 0));
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable queue, privileged_->ProvisionTaskQueue("tester"));
  EXPECT_THAT(queue.info.config.Filters(), ElementsAre("cotal.main.svc.tester.*"));
  EXPECT_THAT(Rest(kTask, "svc_tester"), ElementsAre("cotal.main.svc.tester.UC"));
}

TEST_F(DurableUpkeepTest, OneThatIsNotTheOneOfBeforeIsNotDeleted) {
  const ConsumerInfo before = Make(kDm, WideInbox());
  EXPECT_THAT(DeleteDurable(*api_, before), IsOkAndHolds(DeletedDurable::kGone));
  EXPECT_THAT(DeleteDurable(*api_, before), IsOkAndHolds(DeletedDurable::kGone));
  const ConsumerInfo after = Make(kDm, WideInbox());
  EXPECT_THAT(DeleteDurable(*api_, before), IsOkAndHolds(DeletedDurable::kAnother));
  EXPECT_EQ(api_->GetConsumer(kDm, "dm_UA")->created, after.created);
}

TEST_F(DurableUpkeepTest, OneOfWhichNobodyTellsWhenItWasMadeIsNotDeleted) {
  const ConsumerInfo there = Make(kDm, WideInbox());
  ConsumerInfo before = there;
  before.created = "0001-01-01T00:00:00Z";
  EXPECT_THAT(DeleteDurable(*api_, before), IsOkAndHolds(DeletedDurable::kUnclear));
  EXPECT_EQ(api_->GetConsumer(kDm, "dm_UA")->created, there.created);
}

TEST_F(DurableUpkeepTest, WhoeverMayNotDeleteIsToldWhatDiffers) {
  BrokerOptions options;
  options.config =
      "no_auth_user: setup\n"
      R"(authorization { users: [{ user: setup, password: x,
           permissions: { publish: { deny: "$JS.API.CONSUMER.DELETE.>" } } }] })"
      "\njetstream {}\n";
  ASSERT_NO_FATAL_FAILURE(Start(options));
  ConsumerConfig unacknowledged = WideInbox();
  unacknowledged.ack_policy = "none";
  const ConsumerInfo before = Make(kDm, unacknowledged);
  EXPECT_THAT(privileged_->ProvisionDmInbox("UA"),
              StatusIs(kPrecondition, AllOf(HasSubstr("dm_UA"), HasSubstr("ack_policy is \"none\""))));
  EXPECT_EQ(api_->GetConsumer(kDm, "dm_UA")->created, before.created);
}

}  // namespace
}  // namespace meshwarden::durable_upkeep_test
