#include "provisioning/records/agent_record.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/clock.h"
#include "base/status_matchers.h"

namespace meshwarden::agent_record_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kDamaged = absl::StatusCode::kDataLoss;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
const SystemTime kThen{std::chrono::seconds(1'800'000'000)};

// A record of version 2 that is whole, with `more` fields.
std::string Record(const std::string& more) {
  return fmt::format(R"({{"v":2,"id":"UX","agent":"a","state":"live","provisionedAt":0{}}})", more);
}

TEST(AgentRecordTest, WritesWhatIsKnownToday) {
  const AgentRecord record{.id = "UX", .agent = "worker \"1\"", .provisioned_at = kThen};
  EXPECT_EQ(EncodeAgentRecord(record),
            R"({"v":2,"id":"UX","agent":"worker \"1\"","state":"live","provisionedAt":1800000000000})");
  MW_ASSERT_OK_AND_ASSIGN(const AgentRecord read, DecodeAgentRecord("UX", EncodeAgentRecord(record)));
  EXPECT_EQ(read, record);
}

TEST(AgentRecordTest, ReadsWhatLaterIssuesWrite) {
  const std::string text =
      R"({"v":2,"id":"UX","agent":"worker","owner":"UO","root":"UR","state":"leaving",)"
      R"("provisionedAt":1800000000000,"ttl":3600,"expires":1800003600,)"
      R"("places":["place.agent.61.0","place.owner.UR.7"],"seenAt":1800000000001,"takenBackAt":1800000000002})";
  MW_ASSERT_OK_AND_ASSIGN(const AgentRecord read, DecodeAgentRecord("UX", text));
  const AgentRecord record{.id = "UX",
                           .agent = "worker",
                           .provisioned_at = kThen,
                           .state = RecordState::kLeaving,
                           .owner = "UO",
                           .root = "UR",
                           .ttl = std::chrono::hours(1),
                           .expires = kThen + std::chrono::hours(1),
                           .places = {"place.agent.61.0", "place.owner.UR.7"},
                           .seen_at = kThen + std::chrono::milliseconds(1),
                           .taken_back_at = kThen + std::chrono::milliseconds(2)};
  EXPECT_EQ(read, record);
  EXPECT_EQ(EncodeAgentRecord(read), text);
}

TEST(AgentRecordTest, ReadsEachState) {
  for (const RecordState state : {RecordState::kBegun, RecordState::kLive, RecordState::kLeaving,
                                  RecordState::kGone, RecordState::kRevoked}) {
    const std::string text =
        fmt::format(R"({{"v":2,"id":"UX","agent":"a","state":"{}","provisionedAt":0}})", NameOf(state));
    MW_ASSERT_OK_AND_ASSIGN(const AgentRecord read, DecodeAgentRecord("UX", text));
    EXPECT_EQ(read.state, state);
  }
}

TEST(AgentRecordTest, ARecordOfAnEarlierVersionIsLive) {
  MW_ASSERT_OK_AND_ASSIGN(
      const AgentRecord read,
      DecodeAgentRecord("UX", R"({"id":"UX","agent":"worker","provisionedAt":1800000000000})"));
  EXPECT_EQ(read, (AgentRecord{.id = "UX", .agent = "worker", .provisioned_at = kThen}));
}

TEST(AgentRecordTest, FieldsThatAreNotKnownAreIgnored) {
  EXPECT_THAT(DecodeAgentRecord("UX", Record(R"(,"more":[1])")), IsOk());
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"more":[1],"provisionedAt":0,"agent":"a","id":"UX"})"), IsOk());
}

TEST(AgentRecordTest, ADamagedRecordIsToldWithWhatToDo) {
  EXPECT_THAT(DecodeAgentRecord("UY", Record("")),
              StatusIs(kDamaged,
                       "the record of UY is damaged (it is of another id); it stays as it is: "
                       "provision the agent again, under a new identity"));
}

TEST(AgentRecordTest, AVersionOrStateThatIsNotKnownIsDamage) {
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"v":3,"id":"UX","agent":"a","state":"live","provisionedAt":0})"),
              StatusIs(kDamaged, HasSubstr("its version is 3")));
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"v":2,"id":"UX","agent":"a","state":"Live","provisionedAt":0})"),
              StatusIs(kDamaged, HasSubstr("its state is unknown")));
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"v":2,"id":"UX","agent":"a","provisionedAt":0})"),
              StatusIs(kDamaged, HasSubstr("state")));
  EXPECT_THAT(DecodeAgentRecord("UX", R"({"v":null,"id":"UX","agent":"a","provisionedAt":0})"),
              StatusIs(kDamaged, HasSubstr("\"v\"")));
}

TEST(AgentRecordTest, FieldsOfAnotherKindAreDamage) {
  for (const char* more : {R"(,"owner":7)", R"(,"root":null)", R"(,"ttl":0)", R"(,"ttl":-1)", R"(,"ttl":1.5)",
                           R"(,"ttl":7258118400)", R"(,"expires":"soon")", R"(,"expires":7258118400)",
                           R"(,"places":"x")", R"(,"places":[1])", R"(,"seenAt":-1)",
                           R"(,"seenAt":7258118400000)", R"(,"takenBackAt":"now")", R"(,"v":2)"}) {
    EXPECT_THAT(DecodeAgentRecord("UX", Record(more)), StatusIs(kDamaged)) << more;
  }
  EXPECT_THAT(DecodeAgentRecord("UX", Record(R"(,"ttl":7258118399,"expires":7258118399)")), IsOk());
}

TEST(AgentRecordTest, MalformedRecordsAreDamaged) {
  for (const char* text :
       {"", "[]", R"({"id":"UX","agent":"a"})", R"({"id":"UX","agent":"","provisionedAt":0})",
        R"({"id":"UX","agent":7,"provisionedAt":0})", R"({"id":"UX","agent":"a","provisionedAt":-1})",
        R"({"id":"UX","agent":"a","provisionedAt":7258118400000})",
        R"({"id":"UX","agent":"a","provisionedAt":1.5})",
        R"({"id":"UX","agent":"a","agent":"b","provisionedAt":0})"}) {
    EXPECT_THAT(DecodeAgentRecord("UX", text), StatusIs(kDamaged)) << text;
  }
  EXPECT_THAT(DecodeAgentRecord("UX", std::string(4097, ' ')), StatusIs(kDamaged, HasSubstr("longer")));
}

TEST(AgentRecordTest, AnIdentityStaysTheAgentThatItIs) {
  const AgentRecord record{.id = "UX", .agent = "worker", .provisioned_at = kThen};
  EXPECT_THAT(CheckSameAgent(record, "worker"), IsOk());
  EXPECT_THAT(
      CheckSameAgent(record, "planner"),
      StatusIs(kPrecondition, HasSubstr("UX is recorded as agent \"worker\" and cannot become \"planner\"")));
}

TEST(AgentRecordTest, AnIdentityThatIsNotLiveDoesNotComeBack) {
  AgentRecord record{.id = "UX", .agent = "worker", .provisioned_at = kThen};
  record.state = RecordState::kBegun;
  EXPECT_THAT(CheckSameAgent(record, "worker"), IsOk()) << "it may become live yet";
  EXPECT_THAT(CheckSameAgent(record, "planner"), StatusIs(kPrecondition));
  for (const RecordState state : {RecordState::kLeaving, RecordState::kGone, RecordState::kRevoked}) {
    record.state = state;
    EXPECT_THAT(CheckSameAgent(record, "worker"),
                StatusIs(kPrecondition,
                         AllOf(HasSubstr(std::string(NameOf(state))), HasSubstr("use a new identity"))));
  }
}

TEST(AgentRecordTest, WhatIsTakenBackIsTakenUpOnceNobodyIsAtIt) {
  AgentRecord record{.id = "UX", .agent = "worker", .provisioned_at = kThen};
  record.state = RecordState::kLeaving;
  record.taken_back_at = kThen;
  EXPECT_THAT(CheckSameAgent(record, "worker"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("30 s")));
  EXPECT_THAT(CheckMayTakeUp(record, "worker", kThen + kTakeUpAfter - std::chrono::milliseconds(1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(CheckMayTakeUp(record, "worker", kThen + kTakeUpAfter), IsOk());
  EXPECT_THAT(CheckMayTakeUp(record, "planner", kThen + kTakeUpAfter), StatusIs(kPrecondition));
  record.state = RecordState::kRevoked;
  EXPECT_THAT(CheckMayTakeUp(record, "worker", kThen + kTakeUpAfter), StatusIs(kPrecondition));
  // Whatever else ends an agent is for good.
  record.state = RecordState::kLeaving;
  record.taken_back_at = std::nullopt;
  EXPECT_THAT(CheckMayTakeUp(record, "worker", kThen + kTakeUpAfter), StatusIs(kPrecondition));
}

}  // namespace
}  // namespace meshwarden::agent_record_test
