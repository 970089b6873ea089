#include "manager/cli/provision_outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "provisioning/left_in_part.h"

namespace meshwarden::provision_outcome_test {
namespace {

using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Status kRefused = absl::FailedPreconditionError("durable dm_UX is not as it must be");
const absl::Status kNoRight = absl::PermissionDeniedError("the records are out of reach");
const absl::Status kNoRecord = absl::NotFoundError("there is no record");
const std::array kUnknown = {absl::UnavailableError("not connected"),
                             absl::DeadlineExceededError("no answer"),
                             absl::AbortedError("somebody else has written it")};

AgentRecord Record(const std::string& agent, RecordState state) {
  return {.id = "UX", .agent = agent, .provisioned_at = SystemTime(), .state = state};
}

TEST(JudgeFailure, WhatIsBegunGoesOn) {
  for (const RecordState state : {RecordState::kBegun, RecordState::kLive}) {
    EXPECT_EQ(JudgeFailure(kRefused, Record("worker", state), "worker"), IdentityFate::kGoesOn);
  }
  AgentRecord taken_back = Record("worker", RecordState::kLeaving);
  taken_back.taken_back_at = SystemTime();
  EXPECT_EQ(JudgeFailure(kRefused, taken_back, "worker"), IdentityFate::kGoesOn);
}

TEST(JudgeFailure, WhatCannotBeToldMayGoOn) {
  for (const absl::Status& why : kUnknown) EXPECT_EQ(JudgeFailure(why, why, "worker"), IdentityFate::kGoesOn);
}

TEST(JudgeFailure, AnotherAgentsIdentityAndOneThatHasEndedAreOfNoUse) {
  EXPECT_EQ(JudgeFailure(kRefused, Record("planner", RecordState::kBegun), "worker"), IdentityFate::kOfNoUse);
  for (const RecordState state : {RecordState::kLeaving, RecordState::kGone, RecordState::kRevoked}) {
    EXPECT_EQ(JudgeFailure(kRefused, Record("worker", state), "worker"), IdentityFate::kOfNoUse);
  }
  const absl::Status damaged = absl::DataLossError("the record of UX is damaged");
  EXPECT_EQ(JudgeFailure(damaged, damaged, "worker"), IdentityFate::kOfNoUse);
}

TEST(JudgeFailure, WhoeverMayNotReadTheRecordsIsPromisedNothing) {
  EXPECT_EQ(JudgeFailure(kNoRight, kNoRight, "worker"), IdentityFate::kUncertain);
}

// A record that nobody finds now may be written yet.
TEST(JudgeFailure, WhatCannotBeToldIsNotFree) {
  for (const absl::Status& why : kUnknown) {
    EXPECT_EQ(JudgeFailure(why, kNoRecord, "worker"), IdentityFate::kGoesOn);
  }
  EXPECT_EQ(JudgeFailure(LeftInPart(kRefused), kNoRecord, "worker"), IdentityFate::kGoesOn);
}

TEST(JudgeFailure, WithoutARecordItIsFree) {
  EXPECT_EQ(JudgeFailure(kRefused, kNoRecord, "worker"), IdentityFate::kFree);
}

TEST(WithAdvice, SaysThatTheSameCommandHelpsOnlyWhereItDoes) {
  EXPECT_THAT(WithAdvice(kRefused, IdentityFate::kGoesOn, "a.creds.begun"),
              StatusIs(kRefused.code(),
                       AllOf(HasSubstr("not as it must be"), HasSubstr("a.creds.begun: the same command"))));
  for (const IdentityFate fate : {IdentityFate::kOfNoUse, IdentityFate::kUncertain}) {
    EXPECT_THAT(WithAdvice(kRefused, fate, "a.creds.begun"),
                StatusIs(kRefused.code(), AllOf(HasSubstr("a.creds.begun"), Not(HasSubstr("same command")))));
  }
  EXPECT_EQ(WithAdvice(kRefused, IdentityFate::kFree, "a.creds.begun"), kRefused);
  EXPECT_EQ(WithAdvice(kRefused, IdentityFate::kGoesOn, ""), kRefused);
}

}  // namespace
}  // namespace meshwarden::provision_outcome_test
