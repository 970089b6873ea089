#include "endpoint/jetstream_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/collector.h"
#include "tests/support/broker.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kTimeout{5};

BrokerOptions WithoutJetStream() {
  BrokerOptions options;
  options.config = "server_name: plain\n";
  return options;
}

class JetStreamApiTest : public ::testing::Test {
 protected:
  void Start(const BrokerOptions& options) {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(options));
    ConnectionOptions connection;
    connection.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(connection)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
  }
  void StartWithStream() {
    Start({});
    ASSERT_THAT(api_->CreateStream({.name = "S", .json = {{"name", "S"}, {"subjects", {"a.>"}}}}), IsOk());
  }
  static ConsumerConfig Config(std::vector<std::string> filters) {
    ConsumerConfig config;
    config.durable_name = "d";
    config.deliver_policy = "all";
    config.ack_policy = "explicit";
    config.filter_subjects = std::move(filters);
    return config;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
};

TEST_F(JetStreamApiTest, ConsumersAreCreatedUpdatedReadAndDeleted) {
  StartWithStream();
  EXPECT_THAT(api_->CreateConsumer("S", Config({"a.b"})), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo updated, api_->UpdateConsumer("S", Config({"a.b", "a.c"})));
  EXPECT_THAT(updated.config.Filters(), ElementsAre("a.b", "a.c"));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo read, api_->GetConsumer("S", "d"));
  EXPECT_EQ(ToJson(read.config), ToJson(updated.config));
  EXPECT_THAT(api_->DeleteConsumer("S", "d"), IsOk());
  EXPECT_TRUE(HasJsError(api_->GetConsumer("S", "d").status(), JsError::kConsumerNotFound));
}

TEST_F(JetStreamApiTest, AnUpdateNeverCreates) {
  StartWithStream();
  const absl::Status status = api_->UpdateConsumer("S", Config({"a.b"})).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(HasJsError(status, JsError::kConsumerMissing));
  EXPECT_THAT(api_->GetConsumer("S", "d"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(JetStreamApiTest, ACreateLeavesADifferentOneAlone) {
  StartWithStream();
  ASSERT_THAT(api_->CreateConsumer("S", Config({"a.b"})), IsOk());
  EXPECT_THAT(api_->CreateConsumer("S", Config({"a.b"})), IsOk());
  const absl::Status status = api_->CreateConsumer("S", Config({"a.c"})).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_TRUE(HasJsError(status, JsError::kConsumerExists));
  EXPECT_THAT(api_->GetConsumer("S", "d")->config.Filters(), ElementsAre("a.b"));
}

TEST_F(JetStreamApiTest, NoConfigurationWithoutAFilterLeavesTheProcess) {
  StartWithStream();
  Collector<std::string> sent;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto spy, connection_->Subscribe("$JS.API.CONSUMER.>", "",
                                             [&](const NatsMessage& message) { sent.Add(message.payload); }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  for (const std::vector<std::string>& filters : {std::vector<std::string>{}, {""}, {"a.b", ""}}) {
    EXPECT_THAT(api_->CreateConsumer("S", Config(filters)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no filter")));
    EXPECT_THAT(api_->UpdateConsumer("S", Config(filters)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  // Control: the spy does see a request, and it is the first that there was.
  ASSERT_THAT(api_->CreateConsumer("S", Config({"a.b"})), IsOk());
  EXPECT_THAT(sent.Await(1), ElementsAre(HasSubstr("\"a.b\"")));
}

TEST_F(JetStreamApiTest, NamesThatWouldReachOtherConsumersAreRefused) {
  StartWithStream();
  for (const std::string name : {"", "*", "a.b", "x>", "a b"}) {
    EXPECT_THAT(api_->GetConsumer("S", name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_THAT(api_->GetStream(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

// A broker that is too old ignores the filters it does not know and says so only in its answer.
TEST_F(JetStreamApiTest, AnAnswerWithOtherFiltersIsNoSuccess) {
  Start(WithoutJetStream());
  MW_ASSERT_OK_AND_ASSIGN(
      const auto old_broker,
      connection_->Subscribe("$JS.API.CONSUMER.DURABLE.CREATE.S.d", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(
            request.reply,
            R"({"stream_name":"S","name":"d","config":{"durable_name":"d","filter_subjects":["a.>"]},)"
            R"("delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"stream_seq":0},"num_pending":0})");
      }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  EXPECT_THAT(api_->UpdateConsumer("S", Config({"a.b"})),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("a.>")));
  EXPECT_THAT(api_->UpdateConsumer("S", Config({"a.>"})), IsOk());
}

TEST_F(JetStreamApiTest, AnswersThatCannotBeReadAreErrors) {
  Start(WithoutJetStream());
  std::string answer;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto responder,
      connection_->Subscribe("$JS.API.CONSUMER.INFO.S.d", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(request.reply, answer);
      }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  for (const std::string text : {"", "[]", "{}", R"({"error":{}})", R"({"stream_name":1})"}) {
    answer = text;
    EXPECT_FALSE(api_->GetConsumer("S", "d").ok()) << text;
  }
}

TEST_F(JetStreamApiTest, WithoutJetStreamThereIsNoResponder) {
  Start(WithoutJetStream());
  EXPECT_TRUE(IsNoResponders(api_->GetStream("S").status()));
}

TEST_F(JetStreamApiTest, StoredMessagesAreWrittenReadAndGuardedBySequence) {
  StartWithStream();
  EXPECT_TRUE(HasJsError(api_->LastMessage("S", "a.k").status(), JsError::kMessageNotFound));
  EXPECT_THAT(api_->PublishStored("a.k", "one", 0), IsOkAndHolds(1u));
  EXPECT_TRUE(HasJsError(api_->PublishStored("a.k", "two", 0).status(), JsError::kWrongLastSequence));
  EXPECT_THAT(api_->PublishStored("a.k", "two", 1), IsOkAndHolds(2u));
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage message, api_->LastMessage("S", "a.k"));
  EXPECT_EQ(message.payload, "two");
  EXPECT_EQ(message.seq, 2u);
  EXPECT_FALSE(message.deleted);
}

}  // namespace
}  // namespace meshwarden
