#include "endpoint/space/privileged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/support/broker.h"

namespace meshwarden::privileged_test {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Channels = std::vector<std::string>;

BrokerOptions WithoutJetStream() {
  BrokerOptions options;
  options.config = "server_name: plain\n";
  return options;
}

class PrivilegedTest : public ::testing::Test {
 protected:
  void Start(const BrokerOptions& options, std::chrono::milliseconds timeout) {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(options));
    ConnectionOptions connection;
    connection.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(connection)));
    api_ = std::make_unique<JetStreamApi>(*connection_, timeout);
    privileged_ = std::make_unique<Privileged>(*api_, "main");
  }
  void StartSpace() {
    Start({}, std::chrono::seconds(5));
    ASSERT_THAT(privileged_->CreateSpaceStreams(1), IsOk());
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<Privileged> privileged_;
};

TEST_F(PrivilegedTest, MakingTheStreamsAgainChangesNothing) {
  StartSpace();
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo before, api_->GetStream("CHAT_main"));
  EXPECT_THAT(privileged_->CreateSpaceStreams(1), IsOk());
  EXPECT_EQ(api_->GetStream("CHAT_main")->config, before.config);
}

TEST_F(PrivilegedTest, AStreamOfAnotherShapeIsNamedAndLeftAlone) {
  Start({}, std::chrono::seconds(5));
  const StreamConfig foreign = {
      .name = "DM_main",
      .json = {{"name", "DM_main"}, {"subjects", {"cotal.main.inst.>"}}, {"allow_direct", true}}};
  ASSERT_THAT(api_->CreateStream(foreign), IsOk());
  EXPECT_THAT(privileged_->CreateSpaceStreams(1),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(HasSubstr("DM_main"), HasSubstr("allow_direct is true, not false"))));
  EXPECT_EQ(api_->GetStream("DM_main")->config.at("allow_direct"), true);
}

TEST_F(PrivilegedTest, ADurableThatIsThereKeepsItsFilter) {
  StartSpace();
  ASSERT_THAT(privileged_->ProvisionChatDurable("UA", Channels{"general"}), IsOk());
  ASSERT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general", "team.>"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable again,
                          privileged_->ProvisionChatDurable("UA", Channels{"ops"}));
  EXPECT_THAT(again.info.config.Filters(),
              ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.>"));
}

TEST_F(PrivilegedTest, MovingTheFilterKeepsTheCursor) {
  StartSpace();
  ASSERT_THAT(privileged_->ProvisionChatDurable("UA", Channels{"general"}), IsOk());
  ASSERT_THAT(api_->PublishStored("cotal.main.chat.UB.general", "1", std::nullopt), IsOk());
  // A consumer takes notice of a new message a moment after the stream has acknowledged it.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  ConsumerInfo before;
  while (before.num_pending == 0 && std::chrono::steady_clock::now() < deadline) {
    MW_ASSERT_OK_AND_ASSIGN(before, api_->GetConsumer("CHAT_main", "chat_UA"));
  }
  ASSERT_EQ(before.num_pending, 1u);
  ASSERT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general", "ops"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo after, api_->GetConsumer("CHAT_main", "chat_UA"));
  EXPECT_EQ(after.num_pending, 1u);
  EXPECT_EQ(after.delivered_stream_seq, before.delivered_stream_seq);
}

TEST_F(PrivilegedTest, AMissingDurableIsNotMadeByAMove) {
  StartSpace();
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(api_->GetConsumer("CHAT_main", "chat_UA"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PrivilegedTest, ADurableOfForeignMakeKeepsItsOtherFields) {
  StartSpace();
  MW_ASSERT_OK_AND_ASSIGN(ConsumerConfig config, ChatDurableConfig("main", "UA", Channels{"general"}));
  config.deliver_policy = "all";
  ASSERT_THAT(api_->CreateConsumer("CHAT_main", config), IsOk());
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"ops"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo moved, api_->GetConsumer("CHAT_main", "chat_UA"));
  EXPECT_EQ(moved.config.deliver_policy, "all");
  EXPECT_THAT(moved.config.Filters(), ElementsAre("cotal.main.chat.*.ops"));
}

TEST_F(PrivilegedTest, AnEmptyOrOverlappingSetIsRefusedBeforeTheBroker) {
  StartSpace();
  ASSERT_THAT(privileged_->ProvisionChatDurable("UA", Channels{"general"}), IsOk());
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"a.*.c", "a.b.>"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("overlap")));
  EXPECT_THAT(api_->GetConsumer("CHAT_main", "chat_UA")->config.Filters(),
              ElementsAre("cotal.main.chat.*.general"));
}

// A broker that carries the update out and whose answer is lost on the way, played by a responder on a server
// without JetStream.
TEST_F(PrivilegedTest, ALostAnswerIsReadBack) {
  Start(WithoutJetStream(), std::chrono::milliseconds(300));
  std::atomic<int> updates = 0;
  std::string filter = "cotal.main.chat.*.ops";
  MW_ASSERT_OK_AND_ASSIGN(const auto lost,
                          connection_->Subscribe("$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.chat_UA", "",
                                                 [&](const NatsMessage&) { ++updates; }));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto info,
      connection_->Subscribe("$JS.API.CONSUMER.INFO.CHAT_main.chat_UA", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(
            request.reply,
            R"({"stream_name":"CHAT_main","name":"chat_UA","config":{"filter_subjects":[")" + filter +
                R"("]},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},)"
                R"("num_ack_pending":0,"num_pending":0,"created":"2026-01-01T00:00:00Z"})");
      }));
  ASSERT_THAT(connection_->Flush(std::chrono::seconds(5)), IsOk());
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"ops"}), IsOk());
  EXPECT_EQ(updates, 1);
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general"}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

// A manager that makes a durable anew between the look for it and its making.
TEST_F(PrivilegedTest, ADurableMadeAnewMeanwhileIsTakenForTheOne) {
  Start(WithoutJetStream(), std::chrono::seconds(5));
  std::string policy = "by_start_sequence";
  std::atomic<int> asked = 0;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto create,
      connection_->Subscribe(
          "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.chat_UA", "", [&](const NatsMessage& request) {
            (void)connection_->Publish(request.reply, R"({"error":{"code":400,"err_code":10148}})");
          }));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto info,
      connection_->Subscribe("$JS.API.CONSUMER.INFO.CHAT_main.chat_UA", "", [&](const NatsMessage& request) {
        const bool made = ++asked % 2 == 0;
        (void)connection_->Publish(
            request.reply,
            made
                ? R"({"stream_name":"CHAT_main","name":"chat_UA","config":{"durable_name":"chat_UA",)"
                  R"("ack_policy":"explicit","ack_wait":60000000000,"deliver_policy":")" +
                      policy +
                      R"(","opt_start_seq":7,"filter_subjects":["cotal.main.chat.*.ops"]},)"
                      R"("delivered":{"consumer_seq":0,"stream_seq":6},"ack_floor":{"consumer_seq":0,"stream_seq":6},)"
                      R"("num_ack_pending":0,"num_pending":0,"created":"2026-01-01T00:00:00Z"})"
                : R"({"error":{"code":404,"err_code":10014}})");
      }));
  ASSERT_THAT(connection_->Flush(std::chrono::seconds(5)), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const UpheldDurable durable,
                          privileged_->ProvisionChatDurable("UA", Channels{"general"}));
  EXPECT_THAT(durable.info.config.Filters(), ElementsAre("cotal.main.chat.*.ops"));
  policy = "all";
  EXPECT_TRUE(HasJsError(privileged_->ProvisionChatDurable("UA", Channels{"general"}).status(),
                         JsError::kConsumerExists));
}

// A broker that has just been restarted: it carries the update out and answers with the filters of before.
TEST_F(PrivilegedTest, AnAnswerWithTheFiltersOfBeforeIsReadBack) {
  Start(WithoutJetStream(), std::chrono::seconds(5));
  std::atomic<int> updates = 0;
  const auto answer = [this](const NatsMessage& request, const std::string& channel) {
    (void)connection_->Publish(
        request.reply,
        R"({"stream_name":"CHAT_main","name":"chat_UA","config":{"filter_subjects":["cotal.main.chat.*.)" +
            channel +
            R"("]},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},)"
            R"("num_ack_pending":0,"num_pending":0,"created":"2026-01-01T00:00:00Z"})");
  };
  MW_ASSERT_OK_AND_ASSIGN(const auto update,
                          connection_->Subscribe("$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.chat_UA", "",
                                                 [&](const NatsMessage& request) {
                                                   ++updates;
                                                   answer(request, "before");
                                                 }));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto info, connection_->Subscribe("$JS.API.CONSUMER.INFO.CHAT_main.chat_UA", "",
                                              [&](const NatsMessage& request) { answer(request, "ops"); }));
  ASSERT_THAT(connection_->Flush(std::chrono::seconds(5)), IsOk());
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"ops"}), IsOk());
  EXPECT_EQ(updates, 1);
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general"}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("other filters")));
}

TEST_F(PrivilegedTest, ClearingAChannelLeavesTheOthers) {
  StartSpace();
  for (const std::string channel : {"general", "team.a", "team.b", "team"}) {
    ASSERT_THAT(api_->PublishStored("cotal.main.chat.UA." + channel, "", std::nullopt), IsOk());
    ASSERT_THAT(api_->PublishStored("cotal.main.chat.UB." + channel, "", std::nullopt), IsOk());
  }
  EXPECT_THAT(privileged_->ClearChannel("general"), IsOkAndHolds(2u));
  EXPECT_THAT(privileged_->ClearChannel("team"), IsOkAndHolds(2u));
  EXPECT_THAT(privileged_->ClearChannel("team.a"), IsOkAndHolds(2u));
  MW_ASSERT_OK_AND_ASSIGN(const auto left, api_->GetStreamSubjects("CHAT_main", ">"));
  EXPECT_THAT(left,
              ElementsAre(Pair("cotal.main.chat.UA.team.b", 1u), Pair("cotal.main.chat.UB.team.b", 1u)));
  for (const std::string channel : {"", "a/b", " team", "team.", ">", "*", "team.*", "team.>"}) {
    EXPECT_THAT(privileged_->ClearChannel(channel), StatusIs(absl::StatusCode::kInvalidArgument)) << channel;
  }
  EXPECT_EQ(api_->GetStream("CHAT_main")->messages, 2u);
}

TEST_F(PrivilegedTest, ClearingTheHistoryTakesAllChannelsAndNoDirectMessage) {
  StartSpace();
  ASSERT_THAT(api_->PublishStored("cotal.main.chat.UA.general", "", std::nullopt), IsOk());
  ASSERT_THAT(api_->PublishStored("cotal.main.chat.UA.ops", "", std::nullopt), IsOk());
  ASSERT_THAT(api_->PublishStored("cotal.main.inst.UA.UB", "", std::nullopt), IsOk());
  EXPECT_THAT(privileged_->ClearHistory(), IsOkAndHolds(2u));
  EXPECT_EQ(api_->GetStream("CHAT_main")->messages, 0u);
  EXPECT_EQ(api_->GetStream("DM_main")->messages, 1u);
}

TEST_F(PrivilegedTest, TheRegistryTakesRecordsOfConcreteChannelsOnly) {
  StartSpace();
  ChannelConfig config;
  config.replay = false;
  ASSERT_THAT(privileged_->SetChannelConfig("team.a", config), IsOk());
  EXPECT_EQ(api_->LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main.team.a")->payload,
            R"({"replay":false})");
  for (const std::string channel : {"", "team.*", ">", "a/b", "=defaults"}) {
    EXPECT_THAT(privileged_->SetChannelConfig(channel, config), StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
    EXPECT_THAT(privileged_->RemoveChannelConfig(channel), StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
  }
  ASSERT_THAT(privileged_->RemoveChannelConfig("team.a"), IsOk());
  EXPECT_TRUE(api_->LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main.team.a")->deleted);
}

TEST_F(PrivilegedTest, ARecordThatReadersWouldRefuseIsNotWritten) {
  StartSpace();
  ChannelConfig too_long;
  too_long.description = std::string(kMaxChannelDescription + 1, 'x');
  EXPECT_THAT(privileged_->SetChannelConfig("ops", too_long), StatusIs(absl::StatusCode::kInvalidArgument));
  ChannelConfig too_large;
  too_large.unknown = {{"more", std::string(kMaxRegistryBytes, 'x')}};
  EXPECT_THAT(privileged_->SetChannelConfig("ops", too_large), StatusIs(absl::StatusCode::kInvalidArgument));
  ChannelDefaults large_defaults;
  large_defaults.unknown = too_large.unknown;
  EXPECT_THAT(privileged_->SetChannelDefaults(large_defaults), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(api_->GetStream("KV_cotal_channels_main")->messages, 0u);
}

}  // namespace
}  // namespace meshwarden::privileged_test
