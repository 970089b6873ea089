#include "provisioning/agent_record.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "tests/support/broker.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr char kSpace[] = "main";
const SystemTime kThen{std::chrono::seconds(1'800'000'000)};

std::string NewId() { return KeyPair::Generate(NkeyKind::kUser)->public_key().text(); }

TEST(AgentRecordTest, ReadsWhatItWrites) {
  const AgentRecord record{.id = "UX", .agent = "worker \"1\"", .provisioned_at = kThen};
  EXPECT_EQ(EncodeAgentRecord(record), R"({"id":"UX","agent":"worker \"1\"","provisionedAt":1800000000000})");
  MW_ASSERT_OK_AND_ASSIGN(const AgentRecord read, DecodeAgentRecord("UX", EncodeAgentRecord(record)));
  EXPECT_EQ(read.id, "UX");
  EXPECT_EQ(read.agent, record.agent);
  EXPECT_EQ(read.provisioned_at, kThen);
}

TEST(AgentRecordTest, FieldsOfALaterVersionAreIgnored) {
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"more":[1],"provisionedAt":0,"agent":"a","id":"UX"})"), IsOk());
}

TEST(AgentRecordTest, RecordOfAnotherIdIsRefused) {
  EXPECT_THAT(DecodeAgentRecord("UY", R"({"id":"UX","agent":"a","provisionedAt":0})"),
              StatusIs(kInvalid, "record of UY: is of another id"));
}

TEST(AgentRecordTest, MalformedRecordsAreRefused) {
  for (const char* text :
       {"", "[]", R"({"id":"UX","agent":"a"})", R"({"id":"UX","agent":"","provisionedAt":0})",
        R"({"id":"UX","agent":7,"provisionedAt":0})", R"({"id":"UX","agent":"a","provisionedAt":-1})",
        R"({"id":"UX","agent":"a","provisionedAt":7258118400000})",
        R"({"id":"UX","agent":"a","provisionedAt":1.5})",
        R"({"id":"UX","agent":"a","agent":"b","provisionedAt":0})"}) {
    EXPECT_THAT(DecodeAgentRecord("UX", text), StatusIs(kInvalid)) << text;
  }
  EXPECT_THAT(DecodeAgentRecord("UX", std::string(4097, ' ')), StatusIs(kInvalid, HasSubstr("longer")));
}

TEST(AgentRecordTest, AnIdentityStaysTheAgentThatItIs) {
  const AgentRecord record{.id = "UX", .agent = "worker", .provisioned_at = kThen};
  EXPECT_THAT(CheckSameAgent(record, "worker"), IsOk());
  EXPECT_THAT(CheckSameAgent(record, "planner"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("UX is recorded as agent \"worker\" and cannot become \"planner\"")));
}

// Passes everything on, and runs `before` ahead of the next message that is published.
class InterruptedConnection final : public Connection {
 public:
  explicit InterruptedConnection(Connection& inner) : inner_(inner) {}
  void BeforeNextPublish(std::function<void()> before) { before_ = std::move(before); }

  absl::Status Publish(std::string_view subject, std::string_view payload) override {
    return inner_.Publish(subject, payload);
  }
  absl::Status PublishRequest(std::string_view subject, std::string_view reply,
                              std::string_view payload) override {
    return inner_.PublishRequest(subject, reply, payload);
  }
  absl::Status PublishMessage(const NatsMessage& message) override { return inner_.PublishMessage(message); }
  absl::Status PublishSoon(std::string_view subject, std::string_view payload) override {
    return inner_.PublishSoon(subject, payload);
  }
  void RequestAsync(std::string_view subject, std::string_view payload, std::chrono::milliseconds timeout,
                    ReplyCallback done) override {
    inner_.RequestAsync(subject, payload, timeout, std::move(done));
  }
  void RequestMessageAsync(NatsMessage message, std::chrono::milliseconds timeout,
                           ReplyCallback done) override {
    if (before_) std::exchange(before_, nullptr)();
    inner_.RequestMessageAsync(std::move(message), timeout, std::move(done));
  }
  absl::Status Reconnect() override { return inner_.Reconnect(); }
  void ReconnectSoon() override { inner_.ReconnectSoon(); }
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(std::string_view subject, std::string_view queue,
                                                          Handler handler) override {
    return inner_.Subscribe(subject, queue, std::move(handler));
  }
  std::string NewInbox() override { return inner_.NewInbox(); }
  absl::Status Flush(std::chrono::milliseconds timeout) override { return inner_.Flush(timeout); }
  bool connected() const override { return inner_.connected(); }
  std::string server_version() const override { return inner_.server_version(); }
  const std::string& id() const override { return inner_.id(); }
  absl::Status Drain(std::chrono::milliseconds timeout) override { return inner_.Drain(timeout); }

 private:
  Connection& inner_;
  std::function<void()> before_;
};

// A real broker with the streams of a space.
class StoredAgentRecordTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    ASSERT_THAT(Privileged(*api_, kSpace).CreateSpaceStreams(/*replicas=*/1), IsOk());
  }
  absl::Status Write(const std::string& id, const std::string& agent, SystemTime when = kThen) {
    return WriteAgentRecord(*api_, kSpace, {.id = id, .agent = agent, .provisioned_at = when});
  }
  std::uint64_t Messages() { return api_->GetStream(BucketStream(AgentBucket(kSpace)))->last_seq; }

  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
};

TEST_F(StoredAgentRecordTest, StandsUntilItIsReadAndAfter) {
  const std::string id = NewId();
  EXPECT_THAT(ReadAgentRecord(*api_, kSpace, id), StatusIs(absl::StatusCode::kNotFound, HasSubstr(id)));
  ASSERT_THAT(Write(id, "worker"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const AgentRecord record, ReadAgentRecord(*api_, kSpace, id));
  EXPECT_EQ(record.agent, "worker");
  EXPECT_EQ(record.provisioned_at, kThen);
}

TEST_F(StoredAgentRecordTest, EqualRecordIsLeftAsItIs) {
  const std::string id = NewId();
  ASSERT_THAT(Write(id, "worker"), IsOk());
  EXPECT_THAT(Write(id, "worker", kThen + std::chrono::hours(1)), IsOk());
  EXPECT_EQ(Messages(), 1U);
  EXPECT_EQ(ReadAgentRecord(*api_, kSpace, id)->provisioned_at, kThen);
}

TEST_F(StoredAgentRecordTest, OtherAgentIsRefused) {
  const std::string id = NewId();
  ASSERT_THAT(Write(id, "worker"), IsOk());
  EXPECT_THAT(Write(id, "planner"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot become \"planner\"")));
  EXPECT_EQ(ReadAgentRecord(*api_, kSpace, id)->agent, "worker");
}

TEST_F(StoredAgentRecordTest, DeletedRecordIsNoneAndMayBeWrittenAnew) {
  const std::string id = NewId();
  ASSERT_THAT(Write(id, "worker"), IsOk());
  NatsMessage marker;
  marker.subject = BucketSubject(AgentBucket(kSpace), id);
  marker.headers = {{"KV-Operation", "DEL"}};
  ASSERT_THAT(connection_->PublishMessage(marker), IsOk());
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  EXPECT_THAT(ReadAgentRecord(*api_, kSpace, id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Write(id, "planner"), IsOk());
  EXPECT_EQ(ReadAgentRecord(*api_, kSpace, id)->agent, "planner");
}

TEST_F(StoredAgentRecordTest, WhatIsNoRecordIsNeitherTakenNorReplaced) {
  const std::string id = NewId();
  ASSERT_THAT(api_->PublishStored(BucketSubject(AgentBucket(kSpace), id), "{}", std::nullopt), IsOk());
  EXPECT_THAT(ReadAgentRecord(*api_, kSpace, id), StatusIs(kInvalid));
  EXPECT_THAT(Write(id, "worker"), StatusIs(kInvalid));
  EXPECT_EQ(Messages(), 1U);
}

TEST_F(StoredAgentRecordTest, SecondOfTwoWritersHearsOfTheFirst) {
  InterruptedConnection interrupted(*connection_);
  JetStreamApi api(interrupted, kTimeout);
  for (const auto& [agent, code] :
       {std::pair("worker", absl::StatusCode::kOk), {"planner", absl::StatusCode::kFailedPrecondition}}) {
    const std::string id = NewId();
    interrupted.BeforeNextPublish([&] { EXPECT_THAT(Write(id, "worker"), IsOk()); });
    EXPECT_THAT(WriteAgentRecord(api, kSpace, {.id = id, .agent = agent, .provisioned_at = kThen}),
                StatusIs(code));
    EXPECT_EQ(ReadAgentRecord(*api_, kSpace, id)->agent, "worker");
  }
}

TEST_F(StoredAgentRecordTest, IdsThatAreNoKeysAreRefused) {
  for (const char* id : {"", ">", "*", "U", "a.b"}) {
    EXPECT_THAT(ReadAgentRecord(*api_, kSpace, id), StatusIs(kInvalid, HasSubstr("agent record: nkeys")));
    EXPECT_THAT(Write(id, "worker"), StatusIs(kInvalid, HasSubstr("agent record: nkeys")));
  }
}

TEST_F(StoredAgentRecordTest, MissingBucketIsNotAMissingRecord) {
  EXPECT_THAT(ReadAgentRecord(*api_, "elsewhere", NewId()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("space setup")));
}

TEST_F(StoredAgentRecordTest, BrokerAwayIsNotAMissingRecord) {
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(ReadAgentRecord(*api_, kSpace, NewId()), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace meshwarden
