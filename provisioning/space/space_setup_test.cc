#include "provisioning/space/space_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_bucket.h"
#include "provisioning/records/record_keeper.h"
#include "provisioning/records/record_keys.h"
#include "tests/support/broker.h"
#include "tests/support/interrupted_connection.h"

namespace meshwarden::space_setup_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr char kSpace[] = "main";
const SpaceSecrets kSecrets{.api = std::string(26, 'A'), .records = std::string(26, 'B')};
const RecordKeys kKeys(kSecrets.records);

std::string NewId() { return KeyPair::Generate(NkeyKind::kUser)->public_key().text(); }

std::string EarlierRecord(const std::string& id, const std::string& agent) {
  return R"({"id":")" + id + R"(","agent":")" + agent + R"(","provisionedAt":5})";
}

class SpaceSetupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    bucket_ = std::make_unique<RecordBucket>(*api_, kSpace);
  }
  absl::StatusOr<SpaceSetup> SetUpKnowing() { return SetUpSpace(*api_, kSpace, kSecrets, /*replicas=*/1); }
  // The streams alone, as an earlier version leaves them.
  void SetUpEarlier() { ASSERT_THAT(SetUpSpace(*api_, kSpace, SpaceSecrets{}, /*replicas=*/1), IsOk()); }
  void Put(const std::string& key, const std::string& value) {
    ASSERT_THAT(bucket_->Put(key, value, 0), IsOkAndHolds(true));
  }
  std::string AgentOf(const std::string& id) {
    RecordKeeper keeper(*api_, kSpace, kSecrets);
    const absl::StatusOr<AgentRecord> record = keeper.Read(id);
    return record.ok() ? record->agent : absl::StatusCodeToString(record.status().code());
  }
  bool HasMoved() { return *bucket_->Find(kKeys.Moved()); }

  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<RecordBucket> bucket_;
};

TEST_F(SpaceSetupTest, AFreshSpaceHasMovedAtOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_TRUE(HasMoved());
  EXPECT_THAT(api_->GetStream(ChatStream(kSpace)), IsOk());
  EXPECT_THAT(SetUpKnowing(), IsOk());
  EXPECT_EQ(api_->GetStream(BucketStream(AgentBucket(kSpace)))->last_seq, 1U);
}

TEST_F(SpaceSetupTest, WithoutATokenNothingMoves) {
  SetUpEarlier();
  const std::string id = NewId();
  Put(id, EarlierRecord(id, "worker"));
  SetUpEarlier();
  EXPECT_FALSE(*bucket_->Find("*.moved"));
  EXPECT_EQ(bucket_->Get(id)->revision, 1U);
}

TEST_F(SpaceSetupTest, RecordsOfAnEarlierVersionMove) {
  SetUpEarlier();
  const std::string worker = NewId();
  const std::string planner = NewId();
  Put(worker, EarlierRecord(worker, "worker"));
  Put(planner, EarlierRecord(planner, "planner"));
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 2U);
  EXPECT_THAT(setup.damaged, IsEmpty());
  EXPECT_TRUE(HasMoved());
  EXPECT_EQ(AgentOf(worker), "worker");
  EXPECT_EQ(AgentOf(planner), "planner");
  const StoredKey left = *bucket_->Get(worker);
  EXPECT_NE(left.revision, 1U);
  EXPECT_EQ(left.value, std::nullopt);
  EXPECT_EQ(bucket_->Get(kKeys.Record(worker))->value,
            R"({"v":2,"id":")" + worker + R"(","agent":"worker","state":"live","provisionedAt":5})");
}

TEST_F(SpaceSetupTest, WhatIsDamagedIsNamedAndStaysDamaged) {
  SetUpEarlier();
  const std::string junk = NewId();
  const std::string swapped = NewId();
  const std::string empty = NewId();
  Put(junk, "junk");
  Put(swapped, EarlierRecord(junk, "worker"));
  Put(empty, "");
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_THAT(setup.damaged, UnorderedElementsAre(junk, swapped, empty));
  EXPECT_TRUE(HasMoved());
  EXPECT_EQ(bucket_->Get(junk)->value, "junk");
  EXPECT_EQ(bucket_->Get(kKeys.Record(junk))->value, "junk");
  RecordKeeper keeper(*api_, kSpace, kSecrets);
  for (const std::string& id : {junk, swapped, empty}) {
    EXPECT_EQ(AgentOf(id), "DATA_LOSS");
    EXPECT_THAT(keeper.Begin({.id = id, .agent = "planner", .provisioned_at = {}}),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(SpaceSetupTest, WhatIsDamagedIsNamedAgainAfterARunThatWasStopped) {
  SetUpEarlier();
  const std::string id = NewId();
  Put(id, "junk");
  Put(kKeys.Record(id), "junk");
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_THAT(setup.damaged, UnorderedElementsAre(id));
  EXPECT_EQ(AgentOf(id), "DATA_LOSS");
}

TEST_F(SpaceSetupTest, ARecordUnderTheTokenMakesUpForADamagedOne) {
  SetUpEarlier();
  const std::string id = NewId();
  Put(id, "junk");
  Put(kKeys.Record(id), EncodeAgentRecord({.id = id, .agent = "worker", .provisioned_at = {}}));
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_THAT(setup.damaged, IsEmpty());
  EXPECT_EQ(AgentOf(id), "worker");
}

TEST_F(SpaceSetupTest, OnlyWhatIsExactlyAnIdMoves) {
  SetUpEarlier();
  const std::string id = NewId();
  for (const std::string& key : {id + ".x", "x." + id, id.substr(1), std::string("x")}) {
    Put(key, EarlierRecord(key, "worker"));
  }
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_THAT(setup.damaged, IsEmpty());
  EXPECT_THAT(*bucket_->List(kKeys.Record("*")), IsEmpty());
}

TEST_F(SpaceSetupTest, AfterTheMoveNothingElseMoves) {
  SetUpEarlier();
  ASSERT_THAT(SetUpKnowing(), IsOk());
  const std::string id = NewId();
  Put(id, EarlierRecord(id, "planner"));
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_EQ(AgentOf(id), "NOT_FOUND");
}

TEST_F(SpaceSetupTest, WhatIsUnderTheTokenStands) {
  SetUpEarlier();
  const std::string id = NewId();
  const std::string deleted = NewId();
  Put(kKeys.Record(id), EncodeAgentRecord({.id = id, .agent = "worker", .provisioned_at = {}}));
  Put(kKeys.Record(deleted), EncodeAgentRecord({.id = deleted, .agent = "worker", .provisioned_at = {}}));
  ASSERT_THAT(bucket_->Delete(kKeys.Record(deleted)), IsOk());
  Put(id, EarlierRecord(id, "planner"));
  Put(deleted, EarlierRecord(deleted, "planner"));
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_EQ(AgentOf(id), "worker");
  EXPECT_EQ(AgentOf(deleted), "NOT_FOUND");
}

// One record was moved whole, of one the marker is missing, one was not reached.
TEST_F(SpaceSetupTest, WhatARunLeftHalfDoneTheNextOneEnds) {
  SetUpEarlier();
  const std::string moved = NewId();
  const std::string half = NewId();
  const std::string waiting = NewId();
  for (const std::string& id : {moved, half, waiting}) Put(id, EarlierRecord(id, "worker"));
  for (const std::string& id : {moved, half}) {
    Put(kKeys.Record(id), EncodeAgentRecord({.id = id, .agent = "worker", .provisioned_at = {}}));
  }
  ASSERT_THAT(bucket_->Delete(moved), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpKnowing());
  EXPECT_EQ(setup.moved, 1U);
  EXPECT_TRUE(HasMoved());
  for (const std::string& id : {moved, half, waiting}) {
    EXPECT_EQ(AgentOf(id), "worker");
    EXPECT_EQ(bucket_->Get(id)->value, std::nullopt);
  }
}

// Whoever lost the bucket has nothing of an earlier version in it, whatever comes in at once.
TEST_F(SpaceSetupTest, ABucketMadeAnewHoldsNothingToMove) {
  const std::string id = NewId();
  testing::InterruptedConnection interrupted(*connection_);
  interrupted.BeforeRead(0, [&] { Put(id, EarlierRecord(id, "planner")); });
  JetStreamApi api(interrupted, kTimeout);
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpSpace(api, kSpace, kSecrets, /*replicas=*/1));
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_NE(bucket_->Get(id)->revision, 0U);
  EXPECT_EQ(AgentOf(id), "NOT_FOUND");
}

// It was not seen at first, as behind a broker that has just started.
TEST_F(SpaceSetupTest, ABucketThatWasTakenForMissingIsNotMarkedAsMoved) {
  const std::string id = NewId();
  testing::InterruptedConnection interrupted(*connection_);
  interrupted.BeforeRequest("$JS.API.STREAM.CREATE.", [&] {
    SetUpEarlier();
    Put(id, EarlierRecord(id, "worker"));
  });
  JetStreamApi api(interrupted, kTimeout);
  EXPECT_THAT(SetUpSpace(api, kSpace, kSecrets, /*replicas=*/1),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("again")));
  EXPECT_FALSE(HasMoved());
  EXPECT_EQ(SetUpKnowing()->moved, 1U);
  EXPECT_EQ(AgentOf(id), "worker");
}

TEST_F(SpaceSetupTest, WhatComesBetweenTheListAndTheMarkMoves) {
  SetUpEarlier();
  const std::string id = NewId();
  const std::string junk = NewId();
  testing::InterruptedConnection interrupted(*connection_);
  interrupted.BeforeMessage([&] {
    Put(id, EarlierRecord(id, "worker"));
    Put(junk, "junk");
  });
  JetStreamApi api(interrupted, kTimeout);
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpSpace(api, kSpace, kSecrets, /*replicas=*/1));
  EXPECT_EQ(setup.moved, 1U);
  EXPECT_THAT(setup.damaged, UnorderedElementsAre(junk));
  EXPECT_EQ(AgentOf(id), "worker");
  EXPECT_EQ(bucket_->Get(id)->value, std::nullopt);
}

TEST_F(SpaceSetupTest, WhatComesBehindTheMarkDoesNotMove) {
  SetUpEarlier();
  const std::string id = NewId();
  testing::InterruptedConnection interrupted(*connection_);
  interrupted.BeforeRead(1, [&] {
    ASSERT_TRUE(HasMoved());
    Put(id, EarlierRecord(id, "planner"));
  });
  JetStreamApi api(interrupted, kTimeout);
  MW_ASSERT_OK_AND_ASSIGN(const SpaceSetup setup, SetUpSpace(api, kSpace, kSecrets, /*replicas=*/1));
  EXPECT_EQ(setup.moved, 0U);
  EXPECT_NE(bucket_->Get(id)->value, std::nullopt);
  EXPECT_EQ(AgentOf(id), "NOT_FOUND");
}

TEST_F(SpaceSetupTest, ARunThatEndedRightBehindTheMarkIsEndedByTheNext) {
  SetUpEarlier();
  const std::string before = NewId();
  const std::string after = NewId();
  Put(before, EarlierRecord(before, "worker"));
  Put(kKeys.Moved(), R"({"v":2,"ending":true})");
  Put(after, EarlierRecord(after, "planner"));
  EXPECT_EQ(SetUpKnowing()->moved, 1U);
  EXPECT_EQ(AgentOf(before), "worker");
  EXPECT_EQ(AgentOf(after), "NOT_FOUND");
  EXPECT_EQ(bucket_->Get(kKeys.Moved())->value, R"({"v":2})");
}

TEST_F(SpaceSetupTest, WhatIsDamagedIsNamedOnce) {
  SetUpEarlier();
  const std::string id = NewId();
  Put(id, "junk");
  EXPECT_THAT(SetUpKnowing()->damaged, UnorderedElementsAre(id));
  EXPECT_THAT(SetUpKnowing()->damaged, IsEmpty());
}

TEST_F(SpaceSetupTest, AnotherConfigurationIsToldAndNothingMoves) {
  SetUpEarlier();
  EXPECT_THAT(SetUpSpace(*api_, kSpace, kSecrets, /*replicas=*/3),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(HasMoved());
}

}  // namespace
}  // namespace meshwarden::space_setup_test
