// What the servers of a cluster answer that a single one does not, and what only looks like it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::cluster_answers_test {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kTimeout{5};

class ClusterAnswersTest : public ::testing::Test {
 protected:
  void Start(const std::string& config) {
    BrokerOptions options;
    options.config = config;
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(options));
    ConnectionOptions connection;
    connection.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(connection)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
};

// A server of a cluster, without JetStream: the test answers as one with it would.
class InClusterTest : public ClusterAnswersTest {
 protected:
  void SetUp() override {
    Start("server_name: plain\ncluster { name: c, listen: \"127.0.0.1:-1\" }\n");
    ASSERT_TRUE(connection_->in_cluster());
  }
  static std::string InfoOf(int delivered, const std::string& created, const std::string& more) {
    return fmt::format(
        R"({{"stream_name":"S","name":"d","config":{{"durable_name":"d","filter_subjects":["a.>"]}},)"
        R"("delivered":{{"consumer_seq":{0},"stream_seq":{0}}},"ack_floor":{{"consumer_seq":0,"stream_seq":0}},)"
        R"("num_ack_pending":0,"num_pending":0,"created":"{1}"{2}}})",
        delivered, created, more);
  }
  // Request number N gets answer number N, or the last; none if that is empty.
  void AnswerWith(const std::string& subject, std::vector<std::string> answers) {
    const auto answer = [this, answers = std::move(answers)](const NatsMessage& request) {
      const std::string& text = answers[std::min<std::size_t>(asked_++, answers.size() - 1)];
      if (!text.empty()) (void)connection_->Publish(request.reply, text);
    };
    MW_ASSERT_OK_AND_ASSIGN(responder_, connection_->Subscribe(subject, "", answer));
    ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  }

  static constexpr char kInfo[] = "$JS.API.CONSUMER.INFO.S.d";
  const std::string leaderless_ = InfoOf(0, "2026-01-01T00:00:00.002Z", "");
  const std::string led_ = InfoOf(5, "2026-01-01T00:00:00Z", R"(,"cluster":{"name":"c","leader":"s1"})");
  std::atomic<std::size_t> asked_{0};
  std::unique_ptr<Subscription> responder_;
};

TEST_F(InClusterTest, AConsumerThatNobodyLeadsIsNoNews) {
  AnswerWith(kInfo, {leaderless_});
  // Taken apart where it is told: Debian's absl counts a status' references unseen by the thread sanitizer.
  Collector<std::string> told;
  api_->ConsumerInfoAsync("S", "d", [&](const absl::StatusOr<ConsumerInfo>& info) {
    EXPECT_TRUE(absl::IsUnavailable(info.status()));
    EXPECT_TRUE(HasJsError(info.status(), JsError::kNoLeader));
    told.Add(std::string(info.status().message()));
  });
  EXPECT_THAT(told.Await(1), ElementsAre(HasSubstr("no leader")));
}

TEST_F(InClusterTest, ALeaderIsWaitedFor) {
  AnswerWith(kInfo, {leaderless_, led_});
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo info, api_->GetConsumer("S", "d"));
  EXPECT_EQ(info.delivered_consumer_seq, 5u);
  EXPECT_EQ(info.leader, "s1");
  EXPECT_EQ(asked_, 2u);
}

TEST_F(InClusterTest, WhatNobodyHeardIsAskedAgain) {
  AnswerWith(kInfo, {"", led_});
  EXPECT_THAT(api_->GetConsumer("S", "d"), IsOk());
  EXPECT_EQ(asked_, 2u);
}

TEST_F(InClusterTest, WhereNothingIsToBeHadTheLastWordCounts) {
  api_ = std::make_unique<JetStreamApi>(*connection_, std::chrono::milliseconds(500));
  AnswerWith(kInfo, {leaderless_});
  EXPECT_THAT(api_->GetConsumer("S", "d"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no leader")));
  responder_.reset();
  AnswerWith("$JS.API.STREAM.INFO.S", {""});
  EXPECT_THAT(api_->GetStream("S"), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(InClusterTest, AStreamIsCompleteWhereItsLeaderAndCurrentReplicasAre) {
  AnswerWith("$JS.API.STREAM.INFO.S",
             {R"({"config":{"name":"S"},"created":"then","state":{"messages":1,"first_seq":1,"last_seq":1,)"
              R"("consumer_count":0},"cluster":{"name":"c","leader":"s1","replicas":[)"
              R"({"name":"s2","current":true,"active":1},{"name":"s3","current":false,"active":1},)"
              R"({"name":"s4","current":true,"active":1,"lag":3}]}})"});
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo stream, api_->GetStream("S"));
  EXPECT_THAT(stream.complete_on, UnorderedElementsAre("s1", "s2"));
}

// Its state is that of an empty one, so that its end would seem to be its beginning.
TEST_F(InClusterTest, AStreamThatNobodyLeadsIsNotTakenForEmpty) {
  const auto told = [](std::uint64_t last, const std::string& leader) {
    return fmt::format(
        R"({{"config":{{"name":"S"}},"created":"then","state":{{"messages":{0},"first_seq":0,"last_seq":{0},)"
        R"("consumer_count":0}},"cluster":{{"name":"c"{1}}}}})",
        last, leader);
  };
  AnswerWith("$JS.API.STREAM.INFO.S", {told(0, ""), told(7, R"(,"leader":"s1")")});
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo stream, api_->GetStream("S"));
  EXPECT_EQ(stream.last_seq, 7u);
}

// A cluster lists those that answer, and names the others; what follows them is counted from behind both.
TEST_F(InClusterTest, WhatAListMissesIsAskedFor) {
  Collector<std::string> asked;
  const auto page = [&](const NatsMessage& request) {
    asked.Add(request.payload);
    const bool first = request.payload == R"({"offset":0})";
    const std::string named = first ? R"(,"missing":["d"])" : "";
    (void)connection_->Publish(
        request.reply, fmt::format(R"({{"total":3,"consumers":[{}]{}}})",
                                   InfoOf(1, "then", R"(,"cluster":{"name":"c","leader":"s1"})"), named));
  };
  MW_ASSERT_OK_AND_ASSIGN(const auto list, connection_->Subscribe("$JS.API.CONSUMER.LIST.S", "", page));
  AnswerWith(kInfo, {led_});
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<ConsumerInfo> consumers, api_->ListConsumers("S"));
  EXPECT_EQ(consumers.size(), 3u);
  EXPECT_THAT(asked.Await(2), ElementsAre(R"({"offset":0})", R"({"offset":2})"));
}

TEST_F(InClusterTest, AListThatMissesOneForGoodIsNone) {
  api_ = std::make_unique<JetStreamApi>(*connection_, std::chrono::milliseconds(500));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto list, connection_->Subscribe("$JS.API.CONSUMER.LIST.S", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(request.reply, R"({"total":1,"consumers":[],"missing":["d"]})");
      }));
  AnswerWith(kInfo, {leaderless_});
  EXPECT_THAT(api_->ListConsumers("S"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no leader")));
}

TEST_F(InClusterTest, OneThatIsGoneSinceIsNotMissed) {
  MW_ASSERT_OK_AND_ASSIGN(
      const auto list, connection_->Subscribe("$JS.API.CONSUMER.LIST.S", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(request.reply, R"({"total":1,"consumers":[],"missing":["d"]})");
      }));
  AnswerWith(kInfo, {R"({"error":{"code":404,"err_code":10014,"description":"consumer not found"}})"});
  EXPECT_THAT(api_->ListConsumers("S"), IsOkAndHolds(IsEmpty()));
}

// Servers that call themselves part of a cluster and store all by themselves.
class AloneTest : public ClusterAnswersTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(AloneTest, ConsumersNeedNoLeader) {
  Start(fmt::format("jetstream {{}}\nserver_name: alone\n{}", GetParam()));
  ASSERT_THAT(api_->CreateStream({.name = "S", .json = {{"name", "S"}, {"subjects", {"a.>"}}}}), IsOk());
  ConsumerConfig config;
  config.durable_name = "d";
  config.deliver_policy = "all";
  config.ack_policy = "explicit";
  config.filter_subjects = {"a.>"};
  ASSERT_THAT(api_->CreateConsumer("S", config), IsOk());
  EXPECT_THAT(api_->GetConsumer("S", "d"), IsOk());
  EXPECT_THAT(api_->GetStream("S"), IsOk());
  ASSERT_THAT(api_->PublishStored("a.b", "x", std::nullopt), IsOk());
  // By whoever has made nothing, too.
  JetStreamApi other(*connection_, kTimeout);
  EXPECT_THAT(other.GetConsumer("S", "d"), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Servers, AloneTest,
                         ::testing::Values("cluster { name: c }\n",
                                           "leafnodes { remotes: [{ url: \"nats://127.0.0.1:1\" }] }\n"));

TEST(IsMadeWith, OnlyAClusterMayBeApart) {
  ConsumerInfo info;
  info.created = "2026-01-01T00:00:00.9Z";
  EXPECT_TRUE(IsMadeWith(info, "2026-01-01T00:00:00.9Z"));
  EXPECT_FALSE(IsMadeWith(info, "2026-01-01T00:00:00.901Z"));
  info.leader = "s1";
  EXPECT_TRUE(IsMadeWith(info, "2026-01-01T00:00:01.1Z"));
  EXPECT_TRUE(IsMadeWith(info, "2026-01-01T00:00:00.1Z"));
  EXPECT_FALSE(IsMadeWith(info, "2026-01-01T00:00:02Z"));
  EXPECT_FALSE(IsMadeWith(info, ""));
}

}  // namespace
}  // namespace meshwarden::cluster_answers_test
