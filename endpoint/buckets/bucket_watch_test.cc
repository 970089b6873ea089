#include "endpoint/buckets/bucket_watch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"

namespace meshwarden::bucket_watch_test {
namespace {

using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::kPatience;
using ::meshwarden::testing::Mesh;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestAgent;
using ::testing::ElementsAre;
using ::testing::SizeIs;

using TimePoint = BucketWatch::TimePoint;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  alice: { allowSubscribe: [general], allowPublish: [general] }
)";

// "key=payload", or "key deleted".
std::string TextOf(const BucketEntry& entry) {
  return entry.deleted ? entry.key + " deleted" : entry.key + "=" + entry.payload;
}

// The channels bucket, watched with an agent's credential and changed by others.
class BucketWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(alice_, mesh_->Provision("alice"));
    api_ = std::make_unique<JetStreamApi>(*alice_.connection, kPatience);
  }
  BucketWatch::Options Options() {
    BucketWatch::Options options;
    options.bucket = bucket_;
    options.on_entry = [this](const BucketEntry& entry) {
      entries_.Add(entry);
      texts_.Add(TextOf(entry));
    };
    options.on_error = [this](const absl::Status& status) { errors_.Add(status.code()); };
    return options;
  }
  void StartWatch() {
    MW_ASSERT_OK_AND_ASSIGN(watch_, BucketWatch::Start(*alice_.connection, *api_, Options()));
  }
  std::uint64_t Put(const std::string& key, const std::string& value) {
    const auto seq = mesh_->root_api().PutKey(bucket_, key, value);
    EXPECT_THAT(seq, IsOk());
    return seq.value_or(0);
  }
  bool AwaitText(const std::string& wanted) {
    return texts_.AwaitAny([&](const std::string& text) { return text == wanted; });
  }
  // The consumers on the bucket, as the broker has them.
  std::vector<ConsumerInfo> Consumers() {
    const auto consumers = mesh_->root_api().ListConsumers(BucketStream(bucket_));
    EXPECT_THAT(consumers, IsOk());
    return consumers.value_or(std::vector<ConsumerInfo>{});
  }
  void DeleteConsumer() {
    const std::vector<ConsumerInfo> consumers = Consumers();
    ASSERT_THAT(consumers, SizeIs(1));
    ASSERT_THAT(mesh_->root_api().DeleteConsumer(BucketStream(bucket_), consumers[0].name), IsOk());
  }
  static TimePoint MuchLater() { return std::chrono::steady_clock::now() + std::chrono::minutes(5); }
  // Sends what the watch's consumer would: through the broker, in its name.
  void Forge(NatsMessage message) {
    const std::vector<ConsumerInfo> consumers = Consumers();
    ASSERT_THAT(consumers, SizeIs(1));
    message.subject = consumers[0].config.extra.at("deliver_subject").get<std::string>();
    ASSERT_THAT(mesh_->root().PublishMessage(message), IsOk());
    ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  }

  const std::string bucket_ = ChannelBucket("main");
  std::unique_ptr<Mesh> mesh_;
  TestAgent alice_;
  std::unique_ptr<JetStreamApi> api_;
  Collector<BucketEntry> entries_;
  Collector<std::string> texts_;
  Collector<absl::StatusCode> errors_;
  std::unique_ptr<BucketWatch> watch_;
};

TEST_F(BucketWatchTest, BringsTheLastRecordOfEachKeyAndThenEveryChange) {
  Put("ops", "old");
  Put("=defaults", "d");
  Put("ops", "new");
  StartWatch();
  EXPECT_THAT(texts_.Await(2), ElementsAre("=defaults=d", "ops=new"));
  Put("team.a", "1");
  // The bucket keeps one record of a key: the next one may take its place before it is delivered.
  ASSERT_TRUE(AwaitText("team.a=1"));
  const std::uint64_t last = Put("team.a", "2");
  EXPECT_THAT(texts_.Await(4), ElementsAre("=defaults=d", "ops=new", "team.a=1", "team.a=2"));
  EXPECT_EQ(entries_.Await(4).back().seq, last);
}

TEST_F(BucketWatchTest, WhatIsThereHasComeWhenTheStartReturns) {
  constexpr std::size_t kRecords = 300;
  for (std::size_t i = 0; i < kRecords; ++i) Put("channel" + std::to_string(i), "x");
  BucketWatch::Options options = Options();
  options.snapshot_timeout = kPatience;
  MW_ASSERT_OK_AND_ASSIGN(watch_, BucketWatch::Start(*alice_.connection, *api_, std::move(options)));
  EXPECT_THAT(texts_.Await(0), SizeIs(kRecords));
}

TEST_F(BucketWatchTest, AnEmptyBucketIsNotWaitedFor) {
  BucketWatch::Options options = Options();
  options.snapshot_timeout = 4 * kPatience;
  const TimePoint before = std::chrono::steady_clock::now();
  MW_ASSERT_OK_AND_ASSIGN(watch_, BucketWatch::Start(*alice_.connection, *api_, std::move(options)));
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience);
}

TEST_F(BucketWatchTest, TellsOfADeletedRecord) {
  Put("ops", "1");
  StartWatch();
  ASSERT_THAT(mesh_->root_api().DeleteStoredKey(bucket_, "ops"), IsOk());
  EXPECT_THAT(texts_.Await(2), ElementsAre("ops=1", "ops deleted"));
}

TEST_F(BucketWatchTest, ARecordThatLooksLikeAHeartbeatIsARecord) {
  StartWatch();
  NatsMessage message;
  message.subject = BucketSubject(bucket_, "ops");
  message.headers = {{"Status", "100"}, {"Nats-Last-Consumer", "1"}};
  ASSERT_THAT(mesh_->root().RequestMessage(message, kPatience), IsOk());
  EXPECT_THAT(texts_.Await(1), ElementsAre("ops="));
}

// The broker sends some and then waits to be told how far we are.
TEST_F(BucketWatchTest, ManyRecordsArriveUnderFlowControl) {
  constexpr std::size_t kKeys = 5000;
  const std::string value(200, 'x');
  const std::string prefix = BucketSubject(bucket_, "k");
  for (std::size_t i = 0; i + 1 < kKeys; ++i) {
    ASSERT_THAT(mesh_->root().PublishSoon(prefix + std::to_string(i), value), IsOk());
    if (i % 500 == 0) {
      ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
    }
  }
  Put(fmt::format("k{}", kKeys - 1), value);
  Collector<std::string> answers;
  MW_ASSERT_OK_AND_ASSIGN(const auto spy, mesh_->root().Subscribe("$JS.FC.>", "", [&](const NatsMessage& m) {
    answers.Add(m.subject);
  }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  StartWatch();
  const std::vector<BucketEntry> entries = entries_.Await(kKeys);
  ASSERT_THAT(entries, SizeIs(kKeys));
  for (std::size_t i = 0; i < kKeys; ++i) EXPECT_EQ(entries[i].key, fmt::format("k{}", i));
  EXPECT_FALSE(answers.Await(1).empty());
}

TEST_F(BucketWatchTest, SilenceMakesTheConsumerAnewAndItGoesOnWhereItWas) {
  Put("ops", "1");
  Put("dev", "1");
  StartWatch();
  ASSERT_THAT(texts_.Await(2), SizeIs(2));
  DeleteConsumer();
  Put("ops", "2");
  watch_->Check(MuchLater());
  EXPECT_TRUE(AwaitText("ops=2"));
  EXPECT_THAT(texts_.Await(3), ElementsAre("ops=1", "dev=1", "ops=2"));
  EXPECT_THAT(Consumers(), SizeIs(1));
}

TEST_F(BucketWatchTest, AConsumerThatIsHeardOfIsLeftAlone) {
  Collector<bool> heartbeats;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto spy, mesh_->root().Subscribe(InboxPrefix(alice_.id) + ".>", "", [&](const NatsMessage& m) {
        if (m.reply.empty() && m.payload.empty()) heartbeats.Add(true);
      }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  BucketWatch::Options options = Options();
  options.heartbeat = std::chrono::milliseconds(700);
  MW_ASSERT_OK_AND_ASSIGN(watch_, BucketWatch::Start(*alice_.connection, *api_, options));
  const std::string name = Consumers().at(0).name;
  for (std::size_t count = 1; count <= 4; ++count) {
    ASSERT_THAT(heartbeats.Await(count), SizeIs(count));
    watch_->Check(std::chrono::steady_clock::now());
  }
  ASSERT_THAT(Consumers(), SizeIs(1));
  EXPECT_EQ(Consumers()[0].name, name);
}

TEST_F(BucketWatchTest, AGapMakesTheConsumerAnewWithoutWaitingForSilence) {
  Put("ops", "1");
  StartWatch();
  ASSERT_THAT(texts_.Await(1), SizeIs(1));
  // One in its place that counts from 1 again: what it sends is not what comes next.
  ConsumerConfig other = Consumers().at(0).config;
  other.deliver_policy = "new";
  DeleteConsumer();
  ASSERT_THAT(mesh_->root_api().CreateConsumer(BucketStream(bucket_), other), IsOk());
  Put("ops", "2");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (Consumers().size() < 2 && std::chrono::steady_clock::now() < deadline) {
    watch_->Check(std::chrono::steady_clock::now());
  }
  EXPECT_THAT(Consumers(), SizeIs(2));
  EXPECT_TRUE(AwaitText("ops=2"));
  EXPECT_THAT(texts_.Await(2), ElementsAre("ops=1", "ops=2"));
}

TEST_F(BucketWatchTest, AHeartbeatThatTellsOfMoreThanCameIsAGap) {
  StartWatch();
  NatsMessage heartbeat;
  heartbeat.headers = {{"Status", "100"}, {"Nats-Last-Consumer", "3"}};
  Forge(heartbeat);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (Consumers().size() < 2 && std::chrono::steady_clock::now() < deadline) {
    watch_->Check(std::chrono::steady_clock::now());
  }
  EXPECT_THAT(Consumers(), SizeIs(2));
  Put("ops", "1");
  EXPECT_THAT(texts_.Await(1), ElementsAre("ops=1"));
}

TEST_F(BucketWatchTest, ABucketThatWasMadeAnewIsReadFromItsBeginning) {
  for (int i = 0; i < 10; ++i) Put("ops", std::to_string(i));
  StartWatch();
  ASSERT_TRUE(AwaitText("ops=9"));
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo stream, mesh_->root_api().GetStream(BucketStream(bucket_)));
  ASSERT_THAT(
      mesh_->root().Request(mesh_->SecretApi("STREAM.DELETE." + BucketStream(bucket_)), "", kPatience),
      IsOk());
  ASSERT_THAT(mesh_->root_api().CreateStream({.name = BucketStream(bucket_), .json = stream.config}), IsOk());
  Put("dev", "anew");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto arrived = [&] {
    const std::vector<std::string> texts = texts_.Await(0);
    return std::find(texts.begin(), texts.end(), "dev=anew") != texts.end();
  };
  // With time for an entry to come before the next look takes the watch for silent again.
  while (!arrived() && std::chrono::steady_clock::now() < deadline) {
    watch_->Check(MuchLater());
    (void)texts_.Await(texts_.Await(0).size() + 1, std::chrono::milliseconds(300));
  }
  EXPECT_TRUE(arrived());
}

TEST_F(BucketWatchTest, AFailureToMakeItAnewIsReportedAndTriedAgain) {
  StartWatch();
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo stream, mesh_->root_api().GetStream(BucketStream(bucket_)));
  ASSERT_THAT(
      mesh_->root().Request(mesh_->SecretApi("STREAM.DELETE." + BucketStream(bucket_)), "", kPatience),
      IsOk());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (errors_.Await(0).empty() && std::chrono::steady_clock::now() < deadline) watch_->Check(MuchLater());
  ASSERT_FALSE(errors_.Await(0).empty());
  EXPECT_EQ(errors_.Await(0)[0], absl::StatusCode::kNotFound);
  ASSERT_THAT(mesh_->root_api().CreateStream({.name = BucketStream(bucket_), .json = stream.config}), IsOk());
  Put("ops", "1");
  while (texts_.Await(0).empty() && std::chrono::steady_clock::now() < deadline) {
    watch_->Check(MuchLater());
    (void)texts_.Await(1, std::chrono::milliseconds(300));
  }
  EXPECT_TRUE(AwaitText("ops=1"));
}

TEST_F(BucketWatchTest, AnswersGoToTheBrokersOwnSubjectsOnly) {
  StartWatch();
  Collector<std::string> asked;
  MW_ASSERT_OK_AND_ASSIGN(const auto spy, mesh_->root().Subscribe("$JS.FC.>", "", [&](const NatsMessage& m) {
    asked.Add(m.subject);
  }));
  Collector<std::string> astray;
  MW_ASSERT_OK_AND_ASSIGN(const auto other,
                          mesh_->root().Subscribe("cotal.main.ctl.self.>", "",
                                                  [&](const NatsMessage& m) { astray.Add(m.subject); }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  NatsMessage stalled;
  stalled.headers = {{"Status", "100"}, {"Nats-Consumer-Stalled", "cotal.main.ctl.self." + alice_.id}};
  Forge(stalled);
  stalled.headers[1].second = "$JS.FC.test.1";
  Forge(stalled);
  EXPECT_THAT(asked.Await(1), ElementsAre("$JS.FC.test.1"));
  EXPECT_TRUE(astray.Await(0).empty());
}

TEST_F(BucketWatchTest, NothingIsCalledAfterItsEnd) {
  StartWatch();
  Put("ops", "1");
  ASSERT_THAT(texts_.Await(1), SizeIs(1));
  watch_.reset();
  // Another watch on the same connection sees what the first would have seen.
  Collector<std::string> seen;
  BucketWatch::Options options = Options();
  options.on_entry = [&](const BucketEntry& entry) { seen.Add(TextOf(entry)); };
  MW_ASSERT_OK_AND_ASSIGN(const auto second, BucketWatch::Start(*alice_.connection, *api_, options));
  Put("ops", "2");
  EXPECT_TRUE(seen.AwaitAny([](const std::string& text) { return text == "ops=2"; }));
  EXPECT_THAT(texts_.Await(1), ElementsAre("ops=1"));
}

TEST_F(BucketWatchTest, EndsWhileItIsBeingMadeAnewAndWhileEntriesCome) {
  for (int round = 0; round < 20; ++round) {
    StartWatch();
    for (int i = 0; i < 20; ++i) {
      ASSERT_THAT(mesh_->root().PublishSoon(BucketSubject(bucket_, "ops"), "x"), IsOk());
    }
    watch_->Check(MuchLater());
    watch_.reset();
    const std::size_t count = texts_.Await(0).size();
    Put("ops", "y");
    ASSERT_THAT(alice_.connection->Flush(kPatience), IsOk());
    EXPECT_THAT(texts_.Await(0), SizeIs(count));
  }
}

TEST_F(BucketWatchTest, ABucketThatMayNotBeReadIsRefusedAtOnce) {
  BucketWatch::Options options = Options();
  options.bucket = AgentBucket("main");
  EXPECT_THAT(BucketWatch::Start(*alice_.connection, *api_, options),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace meshwarden::bucket_watch_test
