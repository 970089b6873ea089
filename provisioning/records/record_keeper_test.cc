#include "provisioning/records/record_keeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "tests/support/broker.h"
#include "tests/support/interrupted_connection.h"

namespace meshwarden::record_keeper_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kDamaged = absl::StatusCode::kDataLoss;
constexpr auto kNone = absl::StatusCode::kNotFound;
constexpr auto kOutOfReach = absl::StatusCode::kPermissionDenied;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr char kSpace[] = "main";
const SystemTime kThen{std::chrono::seconds(1'800'000'000)};
const SpaceSecrets kSecrets{.api = std::string(26, 'A'), .records = std::string(26, 'B')};
const RecordKeys kKeys(kSecrets.records);

std::string NewId() { return KeyPair::Generate(NkeyKind::kUser)->public_key().text(); }

std::string EarlierRecord(const std::string& id, const std::string& agent) {
  return R"({"id":")" + id + R"(","agent":")" + agent + R"(","provisionedAt":0})";
}

// A real broker with the streams of a space.
class RecordKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(options));
    // What it interrupts waits on the thread of this connection, so the test speaks on another.
    MW_ASSERT_OK_AND_ASSIGN(others_, Connection::Open(options));
    interrupted_ = std::make_unique<testing::InterruptedConnection>(*connection_);
    api_ = std::make_unique<JetStreamApi>(*interrupted_, kTimeout);
    others_api_ = std::make_unique<JetStreamApi>(*others_, kTimeout);
    ASSERT_THAT(Privileged(*api_, kSpace).CreateSpaceStreams(/*replicas=*/1), IsOk());
    bucket_ = std::make_unique<RecordBucket>(*others_api_, kSpace);
    knowing_ = std::make_unique<RecordKeeper>(*api_, kSpace, kSecrets);
    earlier_ = std::make_unique<RecordKeeper>(*api_, kSpace, SpaceSecrets{});
  }
  static absl::StatusOr<StandingRecord> Write(RecordKeeper& keeper, const std::string& id,
                                              const std::string& agent, SystemTime when = kThen) {
    return keeper.Begin({.id = id, .agent = agent, .provisioned_at = when});
  }
  // Puts `value` where it stands for everybody who looks there.
  void Put(const std::string& key, const std::string& value) {
    MW_ASSERT_OK_AND_ASSIGN(const StoredKey before, bucket_->Get(key));
    ASSERT_THAT(bucket_->Put(key, value, before.revision), IsOkAndHolds(true));
  }
  void Move() { Put(kKeys.Moved(), "{}"); }
  static std::string AgentOf(RecordKeeper& keeper, const std::string& id) {
    const absl::StatusOr<AgentRecord> record = keeper.Read(id);
    return record.ok() ? record->agent : absl::StatusCodeToString(record.status().code());
  }

  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Connection> others_;
  std::unique_ptr<testing::InterruptedConnection> interrupted_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<JetStreamApi> others_api_;
  std::unique_ptr<RecordBucket> bucket_;   // the test's own hands
  std::unique_ptr<RecordKeeper> knowing_;  // holds the token
  std::unique_ptr<RecordKeeper> earlier_;  // does not
  const std::string id_ = NewId();
};

TEST_F(RecordKeeperTest, StandsUntilItIsReadAndAfter) {
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone, HasSubstr(id_)));
  ASSERT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const AgentRecord record, knowing_->Read(id_));
  EXPECT_EQ(record, (AgentRecord{.id = id_, .agent = "worker", .provisioned_at = kThen}));
}

TEST_F(RecordKeeperTest, LiesUnderTheTokenAndNowhereElse) {
  ASSERT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  EXPECT_EQ(bucket_->Get(kKeys.Record(id_))->revision, 1U);
  EXPECT_EQ(bucket_->Get(id_)->revision, 0U);
}

TEST_F(RecordKeeperTest, EqualRecordIsLeftAsItIs) {
  ASSERT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  EXPECT_THAT(Write(*knowing_, id_, "worker", kThen + std::chrono::hours(1)), IsOk());
  EXPECT_EQ(knowing_->Read(id_)->provisioned_at, kThen);
  EXPECT_EQ(bucket_->Get(kKeys.Record(id_))->revision, 1U);
}

TEST_F(RecordKeeperTest, OtherAgentIsRefused) {
  ASSERT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  EXPECT_THAT(Write(*knowing_, id_, "planner"),
              StatusIs(kPrecondition, HasSubstr("cannot become \"planner\"")));
  EXPECT_EQ(AgentOf(*knowing_, id_), "worker");
}

TEST_F(RecordKeeperTest, DeletedRecordIsNoneAndMayBeWrittenAnew) {
  Move();
  ASSERT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  ASSERT_THAT(bucket_->Delete(kKeys.Record(id_)), IsOk());
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone));
  EXPECT_THAT(Write(*knowing_, id_, "planner"), IsOk());
  EXPECT_EQ(AgentOf(*knowing_, id_), "planner");
}

TEST_F(RecordKeeperTest, DamagedRecordIsNeitherAbsentNorReplaced) {
  for (const bool moved : {false, true}) {
    if (moved) Move();
    const std::string id = NewId();
    Put(kKeys.Record(id), "{}");
    EXPECT_THAT(knowing_->Read(id), StatusIs(kDamaged, HasSubstr(id)));
    EXPECT_THAT(Write(*knowing_, id, "worker"), StatusIs(kDamaged));
    EXPECT_EQ(bucket_->Get(kKeys.Record(id))->value, "{}");
  }
}

TEST_F(RecordKeeperTest, SecondOfTwoWritersHearsOfTheFirst) {
  RecordKeeper other(*others_api_, kSpace, kSecrets);
  for (const auto& [agent, code] : {std::pair("worker", absl::StatusCode::kOk), {"planner", kPrecondition}}) {
    const std::string id = NewId();
    interrupted_->BeforeMessage([&] { EXPECT_THAT(Write(other, id, "worker"), IsOk()); });
    EXPECT_THAT(Write(*knowing_, id, agent), StatusIs(code));
    EXPECT_EQ(AgentOf(*knowing_, id), "worker");
  }
}

// Also of one who comes while it still looks.
TEST_F(RecordKeeperTest, AtWhateverMomentTheSecondOfTwoWritersHearsOfTheFirst) {
  RecordKeeper other(*others_api_, kSpace, kSecrets);
  int looks = 0;
  int wins = 0;
  for (bool met = true; met; ++looks) {
    const std::string id = NewId();
    met = false;
    bool other_won = false;
    interrupted_->BeforeRead(looks, [&] {
      met = true;
      other_won = Write(other, id, "worker").ok();
    });
    const absl::Status written = Write(*knowing_, id, "planner").status();
    interrupted_->BeforeRead(0, nullptr);
    if (!met) continue;
    // One of them, and it knows.
    EXPECT_EQ(written.ok(), !other_won) << looks << ": " << written;
    EXPECT_EQ(AgentOf(*knowing_, id), other_won ? "worker" : "planner") << looks;
    wins += other_won ? 1 : 0;
  }
  EXPECT_GT(wins, 3);
  EXPECT_GT(looks, 4);
}

TEST_F(RecordKeeperTest, UntilTheMoveWhatAnEarlierVersionWroteCounts) {
  Put(id_, EarlierRecord(id_, "worker"));
  EXPECT_THAT(knowing_->FindLayout(), IsOkAndHolds(RecordLayout::kUnmoved));
  EXPECT_EQ(AgentOf(*knowing_, id_), "worker");
  EXPECT_THAT(Write(*knowing_, id_, "planner"), StatusIs(kPrecondition));
  EXPECT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  const std::string damaged = NewId();
  Put(damaged, "{}");
  EXPECT_THAT(knowing_->Read(damaged), StatusIs(kDamaged));
  EXPECT_THAT(Write(*knowing_, damaged, "worker"), StatusIs(kDamaged));
}

TEST_F(RecordKeeperTest, UntilTheMoveARecordUnderTheTokenComesFirst) {
  Put(kKeys.Record(id_), EncodeAgentRecord({.id = id_, .agent = "worker", .provisioned_at = kThen}));
  Put(id_, EarlierRecord(id_, "planner"));
  EXPECT_EQ(AgentOf(*knowing_, id_), "worker");
  ASSERT_THAT(bucket_->Delete(kKeys.Record(id_)), IsOk());
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone)) << "what was deleted must not come back";
}

TEST_F(RecordKeeperTest, AfterTheMoveNothingUnderABareIdCounts) {
  Move();
  Put(id_, EarlierRecord(id_, "planner"));
  EXPECT_THAT(knowing_->FindLayout(), IsOkAndHolds(RecordLayout::kSecret));
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone));
  EXPECT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  EXPECT_EQ(AgentOf(*knowing_, id_), "worker");
  // Also to one who has not asked before, and when the mark is a marker.
  ASSERT_THAT(bucket_->Delete(kKeys.Moved()), IsOk());
  RecordKeeper later(*api_, kSpace, kSecrets);
  const std::string other = NewId();
  Put(other, EarlierRecord(other, "planner"));
  EXPECT_THAT(later.Read(other), StatusIs(kNone));
}

TEST_F(RecordKeeperTest, AMoveThatWasSeenOnceIsNotForgotten) {
  Move();
  ASSERT_THAT(knowing_->Read(id_), StatusIs(kNone));
  ASSERT_THAT(others_api_->PurgeStream(BucketStream(AgentBucket(kSpace)), std::nullopt), IsOk());
  Put(id_, EarlierRecord(id_, "planner"));
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone));
}

// The keeper looks under the token, under the bare id, for the mark, and under the token again.
TEST_F(RecordKeeperTest, ARecordThatMovesMeanwhileIsFound) {
  for (const int looks : {1, 2, 3}) {
    const std::string id = NewId();
    Put(id, EarlierRecord(id, "worker"));
    RecordKeeper keeper(*api_, kSpace, kSecrets);
    interrupted_->BeforeRead(looks, [&] {
      Put(kKeys.Record(id), EncodeAgentRecord({.id = id, .agent = "worker", .provisioned_at = kThen}));
      ASSERT_THAT(bucket_->Delete(id), IsOk());
    });
    EXPECT_EQ(AgentOf(keeper, id), "worker") << looks;
  }
}

TEST_F(RecordKeeperTest, WhatIsWrittenAsTheMoveEndsDoesNotCount) {
  interrupted_->BeforeRead(1, [&] {
    Move();
    Put(id_, EarlierRecord(id_, "planner"));
  });
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone));
}

TEST_F(RecordKeeperTest, WithoutATokenBareIdsCount) {
  EXPECT_THAT(earlier_->FindLayout(), IsOkAndHolds(RecordLayout::kEarlier));
  EXPECT_THAT(earlier_->Read(id_), StatusIs(kNone));
  ASSERT_THAT(Write(*earlier_, id_, "worker"), IsOk());
  EXPECT_EQ(AgentOf(*earlier_, id_), "worker");
  EXPECT_EQ(bucket_->Get(id_)->revision, 1U);
  EXPECT_THAT(Write(*earlier_, id_, "planner"), StatusIs(kPrecondition));
  const std::string damaged = NewId();
  Put(damaged, "{}");
  EXPECT_THAT(earlier_->Read(damaged), StatusIs(kDamaged));
}

TEST_F(RecordKeeperTest, WithoutATokenNothingCountsAfterTheMove) {
  ASSERT_THAT(Write(*earlier_, id_, "worker"), IsOk());
  Move();
  EXPECT_THAT(earlier_->FindLayout(), IsOkAndHolds(RecordLayout::kOutOfReach));
  EXPECT_THAT(earlier_->Read(id_), StatusIs(kOutOfReach, HasSubstr("space harden")));
  EXPECT_THAT(earlier_->Read(NewId()), StatusIs(kOutOfReach));
  const std::string other = NewId();
  EXPECT_THAT(Write(*earlier_, other, "worker"), StatusIs(kOutOfReach));
  EXPECT_EQ(bucket_->Get(other)->revision, 0U);
}

TEST_F(RecordKeeperTest, WithoutATokenAMoveThatEndsBeforeTheWriteIsTold) {
  interrupted_->BeforeMessage([this] { Move(); });
  EXPECT_THAT(Write(*earlier_, id_, "worker"), StatusIs(kOutOfReach, HasSubstr("run this again")));
  EXPECT_THAT(Write(*knowing_, id_, "worker"), IsOk());
  EXPECT_EQ(AgentOf(*knowing_, id_), "worker");
}

TEST_F(RecordKeeperTest, WhatWasBegunIsTakenOverForTheSameAgentOnly) {
  const AgentRecord begun{
      .id = id_, .agent = "worker", .provisioned_at = kThen, .state = RecordState::kBegun};
  MW_ASSERT_OK_AND_ASSIGN(const StandingRecord first, knowing_->Begin(begun));
  EXPECT_THAT(Write(*knowing_, id_, "planner"), StatusIs(kPrecondition));
  MW_ASSERT_OK_AND_ASSIGN(const StandingRecord second, knowing_->Begin(begun));
  EXPECT_THAT(knowing_->Replace(first, begun), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(knowing_->Remove(first), StatusIs(absl::StatusCode::kAborted));
  AgentRecord live = begun;
  live.state = RecordState::kLive;
  MW_ASSERT_OK_AND_ASSIGN(const StandingRecord third, knowing_->Replace(second, live));
  EXPECT_EQ(knowing_->Read(id_)->state, RecordState::kLive);
  MW_ASSERT_OK_AND_ASSIGN(const StandingRecord met, knowing_->Begin(begun));
  EXPECT_EQ(met.record, live);
  EXPECT_EQ(met.revision, third.revision);
  EXPECT_THAT(knowing_->Remove(third), IsOk());
  EXPECT_THAT(knowing_->Read(id_), StatusIs(kNone));
}

// One of them has a credential of before the space was hardened.
TEST_F(RecordKeeperTest, UntilTheMoveTheTokensHolderYieldsToWhoeverWroteWithoutIt) {
  interrupted_->BeforeMessage([this] { Put(id_, EarlierRecord(id_, "planner")); });
  EXPECT_THAT(Write(*knowing_, id_, "worker"), StatusIs(kPrecondition, HasSubstr("planner")));
  EXPECT_EQ(AgentOf(*knowing_, id_), "planner");
}

TEST_F(RecordKeeperTest, UntilTheMoveWhoeverHasNoTokenYieldsToItsHolder) {
  interrupted_->BeforeMessage([this] {
    Put(kKeys.Record(id_), EncodeAgentRecord({.id = id_, .agent = "planner", .provisioned_at = kThen}));
  });
  EXPECT_THAT(Write(*earlier_, id_, "worker"), StatusIs(kOutOfReach, HasSubstr("space harden")));
  EXPECT_EQ(AgentOf(*knowing_, id_), "planner");
  EXPECT_EQ(bucket_->Get(id_)->value, std::nullopt);
}

TEST_F(RecordKeeperTest, IdsThatAreNoKeysAreRefused) {
  for (const char* id : {"", ">", "*", "U", "a.b"}) {
    const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("agent record: nkeys"));
    EXPECT_THAT(knowing_->Read(id), invalid);
    EXPECT_THAT(earlier_->Read(id), invalid);
    EXPECT_THAT(Write(*knowing_, id, "worker"), invalid);
  }
}

TEST_F(RecordKeeperTest, MissingBucketIsNotAMissingRecord) {
  RecordKeeper elsewhere(*api_, "elsewhere", kSecrets);
  EXPECT_THAT(elsewhere.Read(id_), StatusIs(kPrecondition, HasSubstr("space setup")));
  EXPECT_THAT(elsewhere.FindLayout(), StatusIs(kPrecondition));
}

TEST_F(RecordKeeperTest, BrokerAwayIsNotAMissingRecord) {
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(knowing_->Read(id_), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(earlier_->Read(id_), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace meshwarden::record_keeper_test
