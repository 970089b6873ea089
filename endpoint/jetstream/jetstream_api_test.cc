#include "endpoint/jetstream/jetstream_api.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::jetstream_api_test {
namespace {

using ::meshwarden::testing::BrokerOptions;
using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

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
            R"("delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},)"
            R"("num_ack_pending":0,"num_pending":0,"created":"2026-01-01T00:00:00Z"})");
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

TEST_F(JetStreamApiTest, WhatIsNotStoredYetIsNoSuccess) {
  Start(WithoutJetStream());
  std::string answer;
  MW_ASSERT_OK_AND_ASSIGN(const auto responder,
                          connection_->Subscribe("a.b", "", [&](const NatsMessage& message) {
                            (void)connection_->Publish(message.reply, answer);
                          }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  for (const std::string text :
       {R"({"stream":"S","seq":0,"duplicate":true})", R"({"stream":"S","seq":0})",
        R"({"error":{"code":409,"err_code":10158,"description":"in process"},"stream":"S","seq":0})"}) {
    answer = text;
    EXPECT_THAT(api_->PublishMessage("a.b", "x", "id"), StatusIs(absl::StatusCode::kUnavailable)) << text;
  }
  answer = R"({"stream":"S","seq":4,"duplicate":true})";
  EXPECT_THAT(api_->PublishMessage("a.b", "x", "id"), IsOk());
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

TEST_F(JetStreamApiTest, TheOldestMessageIsFoundByAFilter) {
  StartWithStream();
  ASSERT_THAT(api_->PublishStored("a.x.1", "other", std::nullopt), IsOkAndHolds(1u));
  ASSERT_THAT(api_->PublishStored("a.k.2", "one", std::nullopt), IsOkAndHolds(2u));
  ASSERT_THAT(api_->PublishStored("a.k.1", "two", std::nullopt), IsOkAndHolds(3u));
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage first, api_->FirstMessage("S", "a.k.*"));
  EXPECT_EQ(first.seq, 2u);
  EXPECT_EQ(first.payload, "one");
  EXPECT_TRUE(HasJsError(api_->FirstMessage("S", "a.z.*").status(), JsError::kMessageNotFound));
  EXPECT_THAT(api_->FirstMessage("S", ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(api_->FirstMessage("S.T", "a.>"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(JetStreamApiTest, AMessageWithAnIdIsStoredOnce) {
  StartWithStream();
  MW_ASSERT_OK_AND_ASSIGN(const PublishAck first, api_->PublishMessage("a.b", "one", "id-1"));
  EXPECT_EQ(first.seq, 1u);
  EXPECT_FALSE(first.duplicate);
  MW_ASSERT_OK_AND_ASSIGN(const PublishAck again, api_->PublishMessage("a.b", "one", "id-1"));
  EXPECT_EQ(again.seq, 1u);
  EXPECT_TRUE(again.duplicate);
  MW_ASSERT_OK_AND_ASSIGN(const PublishAck other, api_->PublishMessage("a.b", "two", "id-2"));
  EXPECT_EQ(other.seq, 2u);
  EXPECT_FALSE(other.duplicate);
  EXPECT_THAT(api_->PublishMessage("a.b", "three", ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(api_->GetStream("S")->messages, 2u);
}

TEST_F(JetStreamApiTest, AMessageThatNoStreamStoresHasNoResponder) {
  StartWithStream();
  EXPECT_TRUE(IsNoResponders(api_->PublishMessage("b.c", "", "id-1").status()));
  EXPECT_TRUE(IsNoResponders(api_->PublishStored("b.c", "", std::nullopt).status()));
}

TEST_F(JetStreamApiTest, AStreamThatWasMadeAnewHasAnotherTimeOfCreation) {
  StartWithStream();
  const std::string before = api_->GetStream("S")->created;
  EXPECT_EQ(api_->GetStream("S")->created, before);
  ASSERT_THAT(connection_->Request("$JS.API.STREAM.DELETE.S", "", kTimeout), IsOk());
  ASSERT_THAT(api_->CreateStream({.name = "S", .json = {{"name", "S"}, {"subjects", {"a.>"}}}}), IsOk());
  EXPECT_NE(api_->GetStream("S")->created, before);
  EXPECT_THAT(before, HasSubstr("T"));
}

TEST_F(JetStreamApiTest, SubjectsAreCountedByFilter) {
  StartWithStream();
  for (const std::string subject : {"a.x.1", "a.x.1", "a.x.2", "a.y.1"}) {
    ASSERT_THAT(api_->PublishStored(subject, "", std::nullopt), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto subjects, api_->GetStreamSubjects("S", "a.x.*"));
  EXPECT_THAT(subjects, ElementsAre(Pair("a.x.1", 2u), Pair("a.x.2", 1u)));
  EXPECT_THAT(api_->GetStreamSubjects("S", "a.z.*"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(api_->GetStreamSubjects("S", ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(api_->GetStreamSubjects("T", "a.>"), StatusIs(absl::StatusCode::kNotFound));
}

// The broker tells at most 100,000 subjects at a time.
TEST_F(JetStreamApiTest, SubjectsBeyondOnePageAreListedToo) {
  Start({});
  ASSERT_THAT(api_->CreateStream(
                  {.name = "S", .json = {{"name", "S"}, {"subjects", {"a.>"}}, {"storage", "memory"}}}),
              IsOk());
  constexpr int kSubjects = 100'050;
  for (int i = 0; i < kSubjects; ++i) {
    const std::string subject = "a." + std::to_string(i);
    // One in a while is waited for, so that the broker can follow.
    if (i % 1000 == 0) {
      ASSERT_THAT(api_->PublishStored(subject, "", std::nullopt), IsOk());
    } else {
      ASSERT_THAT(connection_->PublishSoon(subject, ""), IsOk());
    }
  }
  ASSERT_THAT(api_->PublishStored("a.0", "", std::nullopt), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto subjects, api_->GetStreamSubjects("S", "a.*"));
  EXPECT_EQ(subjects.size(), static_cast<std::size_t>(kSubjects));
  EXPECT_EQ(subjects.at("a.0"), 2u);
}

TEST_F(JetStreamApiTest, ConsumersBeyondOnePageAreListedToo) {
  StartWithStream();
  EXPECT_THAT(api_->ListConsumers("S"), IsOkAndHolds(IsEmpty()));
  std::set<std::string> made;
  for (int i = 0; i < 300; ++i) {
    ConsumerConfig config = Config({"a.b"});
    config.durable_name = "d" + std::to_string(i);
    ASSERT_THAT(api_->CreateConsumer("S", config), IsOk());
    made.insert(config.durable_name);
  }
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<ConsumerInfo> consumers, api_->ListConsumers("S"));
  EXPECT_EQ(consumers.size(), 300u);
  std::set<std::string> listed;
  for (const ConsumerInfo& consumer : consumers) {
    listed.insert(consumer.name);
    EXPECT_THAT(consumer.config.Filters(), ElementsAre("a.b"));
  }
  EXPECT_EQ(listed, made);
}

// A broker that promises more than it sends must not keep us asking for ever.
TEST_F(JetStreamApiTest, AListEndsWithAnEmptyPageWhateverTheTotal) {
  Start(WithoutJetStream());
  MW_ASSERT_OK_AND_ASSIGN(
      const auto consumers,
      connection_->Subscribe("$JS.API.CONSUMER.LIST.S", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(request.reply, R"({"total":5,"consumers":[]})");
      }));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto subjects,
      connection_->Subscribe("$JS.API.STREAM.INFO.S", "", [&](const NatsMessage& request) {
        (void)connection_->Publish(request.reply, R"({"total":5,"state":{"subjects":{}}})");
      }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  EXPECT_THAT(api_->ListConsumers("S"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(api_->GetStreamSubjects("S", ">"), IsOkAndHolds(IsEmpty()));
}

TEST_F(JetStreamApiTest, PagesThatCannotBeReadAreErrors) {
  Start(WithoutJetStream());
  std::string answer;
  const auto reply = [&](const NatsMessage& request) { (void)connection_->Publish(request.reply, answer); };
  MW_ASSERT_OK_AND_ASSIGN(const auto list, connection_->Subscribe("$JS.API.CONSUMER.LIST.S", "", reply));
  MW_ASSERT_OK_AND_ASSIGN(const auto info, connection_->Subscribe("$JS.API.STREAM.INFO.S", "", reply));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  std::string deep;
  for (int i = 0; i < 50; ++i) deep += "{\"a\":";
  deep += "1" + std::string(50, '}');
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string(R"({"state":{"subjects":{"a":1}}})"),
        std::string(R"({"total":-1,"consumers":[],"state":{"subjects":{}}})"),
        std::string(R"({"total":1,"consumers":{},"state":{"subjects":{"a":"1"}}})"),
        std::string(R"({"total":1,"consumers":{},"state":{"subjects":[]}})"), deep}) {
    answer = text;
    EXPECT_FALSE(api_->ListConsumers("S").ok()) << text;
    EXPECT_FALSE(api_->GetStreamSubjects("S", ">").ok()) << text;
  }
  answer = R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})";
  EXPECT_TRUE(HasJsError(api_->ListConsumers("S").status(), JsError::kStreamNotFound));
  EXPECT_TRUE(HasJsError(api_->GetStreamSubjects("S", ">").status(), JsError::kStreamNotFound));
}

TEST_F(JetStreamApiTest, APurgeTakesWhatTheFilterMatchesOrAll) {
  StartWithStream();
  for (const std::string subject : {"a.x", "a.x", "a.y", "a.z"}) {
    ASSERT_THAT(api_->PublishStored(subject, "", std::nullopt), IsOk());
  }
  EXPECT_THAT(api_->PurgeStream("S", ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(api_->PurgeStream("S", "a.x"), IsOkAndHolds(2u));
  EXPECT_EQ(api_->GetStream("S")->messages, 2u);
  EXPECT_THAT(api_->PurgeStream("S", std::nullopt), IsOkAndHolds(2u));
  EXPECT_EQ(api_->GetStream("S")->messages, 0u);
}

TEST_F(JetStreamApiTest, KeysAreWrittenAndMarkedAsDeleted) {
  Start({});
  ASSERT_THAT(api_->CreateStream(
                  {.name = "KV_b",
                   .json = {{"name", "KV_b"}, {"subjects", {"$KV.b.>"}}, {"max_msgs_per_subject", 1}}}),
              IsOk());
  EXPECT_THAT(api_->PutKey("b", "team.a", "1"), IsOkAndHolds(1u));
  EXPECT_THAT(api_->PutKey("b", "=defaults", "2"), IsOkAndHolds(2u));
  EXPECT_EQ(api_->LastMessage("KV_b", "$KV.b.team.a")->payload, "1");
  EXPECT_THAT(api_->DeleteStoredKey("b", "team.a"), IsOk());
  EXPECT_TRUE(api_->LastMessage("KV_b", "$KV.b.team.a")->deleted);
  EXPECT_FALSE(api_->LastMessage("KV_b", "$KV.b.=defaults")->deleted);
  for (const std::string key : {"", "*", "a.>", "a b"}) {
    EXPECT_THAT(api_->PutKey("b", key, ""), StatusIs(absl::StatusCode::kInvalidArgument)) << key;
    EXPECT_THAT(api_->DeleteStoredKey("b", key), StatusIs(absl::StatusCode::kInvalidArgument)) << key;
  }
}

TEST_F(JetStreamApiTest, APlaceIsMovedWhereTheServerCan) {
  StartWithStream();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(api_->PublishStored("a.b", "", std::nullopt), IsOk());
  ASSERT_THAT(api_->CreateConsumer("S", Config({"a.b"})), IsOk());
  const absl::Status moved = api_->ResetConsumer("S", "d", 3);
  if (absl::IsUnimplemented(moved)) {
    // As told by a server of before 2.14, also where somebody watches the subject.
    EXPECT_EQ(connection_->server_version().rfind("2.10.", 0), 0u) << connection_->server_version();
    EXPECT_THAT(moved, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("2.14")));
    EXPECT_EQ(api_->GetConsumer("S", "d")->num_pending, 3u);
    return;
  }
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(api_->GetConsumer("S", "d")->num_pending, 1u);
  EXPECT_THAT(api_->ResetConsumer("S", "d", 1), IsOk());
  EXPECT_EQ(api_->GetConsumer("S", "d")->num_pending, 3u);
  EXPECT_THAT(api_->ResetConsumer("S", "d", std::nullopt), IsOk());
  ConsumerConfig from_now = Config({"a.b"});
  from_now.durable_name = "n";
  from_now.deliver_policy = "new";
  ASSERT_THAT(api_->CreateConsumer("S", from_now), IsOk());
  const absl::Status refused = api_->ResetConsumer("S", "n", 1);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(HasJsError(refused, JsError::kResetNotAllowed));
}

// What an agent may say of its own history reader must not keep anybody from reading the list.
class ConsumerListTest : public JetStreamApiTest {
 protected:
  void SetUp() override {
    StartWithStream();
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo usual, api_->CreateConsumer("S", Config({"a.>"})));
  }
  void Make(const std::string& name, const Json& more) {
    ConsumerConfig config;
    config.name = name;
    config.deliver_policy = "all";
    config.ack_policy = "explicit";
    config.filter_subject = "a.x";
    config.extra = more;
    const Json request = {{"stream_name", "S"}, {"action", "create"}, {"config", ToJson(config)}};
    ASSERT_THAT(connection_->Request(fmt::format("$JS.API.CONSUMER.CREATE.S.{}.a.x", name), DumpJson(request),
                                     kTimeout),
                IsOk());
  }
  std::vector<std::string> Listed() {
    std::vector<std::string> names;
    const absl::StatusOr<std::vector<ConsumerInfo>> listed = api_->ListConsumers("S");
    EXPECT_THAT(listed, IsOk());
    if (!listed.ok()) return names;
    for (const ConsumerInfo& consumer : *listed) names.push_back(consumer.name);
    return names;
  }
};

TEST_F(ConsumerListTest, KeysThatNoDocumentOfOursMayHave) {
  Make("odd", {{"metadata", {{std::string("a\0b", 3), std::string("\0", 1)}}}});
  EXPECT_THAT(Listed(), UnorderedElementsAre("d", "odd"));
}

TEST_F(ConsumerListTest, FieldsBeyondAllThatIsUsualAreLeftOut) {
  Make("long", {{"metadata", {{"k", std::string(120'000, '\0')}}}});
  Json many = Json::object();
  // Unchecked, as keeping them in order takes long.
  for (int i = 0; i < 20'000; ++i) many.get_ref<Json::object_t&>().push_back({fmt::format("{:x}", i), ""});
  Make("many", {{"metadata", many}});
  Make("numbers", {{"backoff", std::vector<int>(200'000, 1)}, {"max_deliver", 300'000}});
  Make("few", {{"metadata", {{"k", "v"}}}});
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<ConsumerInfo> listed, api_->ListConsumers("S"));
  ASSERT_EQ(listed.size(), 5u);
  for (const ConsumerInfo& consumer : listed) {
    const Json& extra = consumer.config.extra;
    EXPECT_FALSE(extra.contains("backoff"));
    if (consumer.name == "few") {
      EXPECT_EQ(extra["metadata"]["k"], "v");
    }
    if (consumer.name == "long" || consumer.name == "many") {
      EXPECT_FALSE(extra.contains("metadata"));
    }
    if (consumer.name != "d") {
      EXPECT_THAT(consumer.config.Filters(), ElementsAre("a.x"));
    }
  }
}

// Some servers put such a consumer's place beyond what we count with.
TEST_F(ConsumerListTest, OneThatCannotBeReadIsLeftOutAndCounted) {
  Make("beyond", {{"deliver_policy", "by_start_sequence"}, {"opt_start_seq", UINT64_MAX}});
  EXPECT_THAT(Listed(), Contains("d"));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerPage page, api_->ListConsumersFrom("S", 0));
  EXPECT_EQ(page.listed, 2u);
  EXPECT_EQ(page.total, 2u);
}

TEST(DecodeConsumerPage, LeavesOutWhatCannotBeReadAndWhatHasTooManyFiltersToKeep) {
  const auto consumer = [](const std::string& name, const Json& config) {
    return Json{{"stream_name", "S"},
                {"name", name},
                {"created", "then"},
                {"config", config},
                {"delivered", {{"consumer_seq", 0}, {"stream_seq", 0}}},
                {"ack_floor", {{"consumer_seq", 0}, {"stream_seq", 0}}},
                {"num_pending", 0},
                {"num_ack_pending", 0}};
  };
  const Json page = {{"total", 300},
                     {"consumers",
                      {consumer("a", {{"filter_subjects", {"x", "y"}}}), "none", Json::object(),
                       consumer("b", {{"filter_subjects", std::vector<std::string>(2'000, "x")}}),
                       consumer("c", Json::object())}}};
  NatsMessage answer;
  answer.payload = DumpJson(page);
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerPage read, DecodeConsumerPage(answer));
  EXPECT_EQ(read.total, 300u);
  EXPECT_EQ(read.listed, 5u);
  ASSERT_EQ(read.consumers.size(), 2u);
  EXPECT_THAT(read.consumers[0].config.Filters(), ElementsAre("x", "y"));
  EXPECT_EQ(read.consumers[1].name, "c");
}

}  // namespace
}  // namespace meshwarden::jetstream_api_test
