#include "endpoint/privileged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/support/broker.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo again, privileged_->ProvisionChatDurable("UA", Channels{"ops"}));
  EXPECT_THAT(again.config.Filters(), ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.>"));
}

TEST_F(PrivilegedTest, MovingTheFilterKeepsTheCursor) {
  StartSpace();
  ASSERT_THAT(privileged_->ProvisionChatDurable("UA", Channels{"general"}), IsOk());
  ASSERT_THAT(api_->PublishStored("cotal.main.chat.UB.general", "1", std::nullopt), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo before, api_->GetConsumer("CHAT_main", "chat_UA"));
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
                R"("]},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"stream_seq":0},"num_pending":0})");
      }));
  ASSERT_THAT(connection_->Flush(std::chrono::seconds(5)), IsOk());
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"ops"}), IsOk());
  EXPECT_EQ(updates, 1);
  EXPECT_THAT(privileged_->SetChatFilterFor("UA", Channels{"general"}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace meshwarden
