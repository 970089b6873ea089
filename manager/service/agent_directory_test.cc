#include "manager/service/agent_directory.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden::agent_directory_test {
namespace {

using ::meshwarden::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPinned[] = "UPINNED";

std::shared_ptr<const Policy> SomePolicy() {
  AgentPolicy planner;
  planner.name = "planner";
  AgentPolicy fixed;
  fixed.name = "fixed";
  fixed.id = kPinned;
  return Policy::Create("main", "r1", {planner, fixed}).value();
}

// A directory whose records the test hands out itself, with a clock that the test moves.
class AgentDirectoryTest : public ::testing::Test {
 protected:
  AgentDirectory& directory() {
    if (directory_ == nullptr) {
      directory_ = std::make_unique<AgentDirectory>(
          SomePolicy(),
          [this](const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done) {
            asked.push_back(id);
            answers.push_back(std::move(done));
          },
          AgentDirectory::Options{.keep_known = milliseconds(10'000),
                                  .keep_unknown = milliseconds(1'000),
                                  .max_entries = 2,
                                  .now = [this] { return now; }});
    }
    return *directory_;
  }

  // Starts a lookup; its answer's agent (or error) ends up in `heard`.
  void Find(const std::string& id) {
    directory().Find(id, [this](absl::StatusOr<const AgentPolicy*> found) {
      heard.push_back(found.ok() ? (*found)->name : absl::StatusCodeToString(found.status().code()));
    });
  }
  void AnswerLast(absl::StatusOr<AgentRecord> record) { answers.back()(std::move(record)); }
  void FindRecorded(const std::string& id, const std::string& agent) {
    Find(id);
    AnswerLast(AgentRecord{.id = id, .agent = agent, .provisioned_at = {}});
  }
  void FindUnrecorded(const std::string& id) {
    Find(id);
    AnswerLast(absl::NotFoundError("no record"));
  }

  std::chrono::steady_clock::time_point now{};
  std::vector<std::string> asked;
  std::vector<std::function<void(absl::StatusOr<AgentRecord>)>> answers;
  std::vector<std::string> heard;

 private:
  std::unique_ptr<AgentDirectory> directory_;
};

TEST_F(AgentDirectoryTest, APinnedIdNeedsNoRecord) {
  Find(kPinned);
  EXPECT_THAT(heard, ElementsAre("fixed"));
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AgentDirectoryTest, ARecordSaysWhichAgentAnIdIs) {
  FindRecorded("UALICE", "planner");
  EXPECT_THAT(heard, ElementsAre("planner"));
  EXPECT_THAT(asked, ElementsAre("UALICE"));
}

TEST_F(AgentDirectoryTest, AnIdWithoutRecordIsUnknown) {
  FindUnrecorded("UALICE");
  EXPECT_THAT(heard, ElementsAre("NOT_FOUND"));
}

TEST_F(AgentDirectoryTest, ARecordOfAnAgentThatThePolicyLostIsUnknown) {
  FindRecorded("UALICE", "retired");
  EXPECT_THAT(heard, ElementsAre("NOT_FOUND"));
}

TEST_F(AgentDirectoryTest, OnlyALiveRecordIsAnAgents) {
  for (const RecordState state :
       {RecordState::kBegun, RecordState::kLeaving, RecordState::kGone, RecordState::kRevoked}) {
    const std::string id = fmt::format("U{}", NameOf(state));
    absl::Status found;
    directory().Find(id,
                     [&found](const absl::StatusOr<const AgentPolicy*>& agent) { found = agent.status(); });
    AnswerLast(AgentRecord{.id = id, .agent = "planner", .provisioned_at = {}, .state = state});
    EXPECT_THAT(
        found, StatusIs(absl::StatusCode::kNotFound, fmt::format("{} is recorded as {}", id, NameOf(state))));
    Find(id);
    EXPECT_EQ(heard.back(), "NOT_FOUND");
  }
}

TEST_F(AgentDirectoryTest, ARecordCannotClaimAnAgentPinnedToAnotherId) {
  FindRecorded("UALICE", "fixed");
  EXPECT_THAT(heard, ElementsAre("NOT_FOUND"));
}

TEST_F(AgentDirectoryTest, AnErrorOfTheBrokerIsNotAbsence) {
  Find("UALICE");
  AnswerLast(absl::DeadlineExceededError("no answer"));
  Find("UALICE");
  AnswerLast(absl::UnavailableError("away"));
  EXPECT_THAT(heard, ElementsAre("DEADLINE_EXCEEDED", "UNAVAILABLE"));
  EXPECT_EQ(asked.size(), 2U) << "an error must not be remembered";
}

TEST_F(AgentDirectoryTest, ADamagedRecordIsNotAbsence) {
  Find("UALICE");
  AnswerLast(absl::DataLossError("damaged"));
  FindRecorded("UALICE", "planner");
  EXPECT_THAT(heard, ElementsAre("DATA_LOSS", "planner")) << "damage must not be remembered";
}

TEST_F(AgentDirectoryTest, AKnownAgentIsRememberedForItsTime) {
  FindRecorded("UALICE", "planner");
  now += milliseconds(9'999);
  Find("UALICE");
  EXPECT_EQ(asked.size(), 1U);
  now += milliseconds(1);
  Find("UALICE");
  EXPECT_EQ(asked.size(), 2U);
  EXPECT_THAT(heard, ElementsAre("planner", "planner"));
}

TEST_F(AgentDirectoryTest, AnUnknownIdIsRememberedForLess) {
  FindUnrecorded("UALICE");
  now += milliseconds(999);
  Find("UALICE");
  EXPECT_EQ(asked.size(), 1U);
  now += milliseconds(1);
  FindRecorded("UALICE", "planner");
  EXPECT_THAT(heard, ElementsAre("NOT_FOUND", "NOT_FOUND", "planner"));
}

TEST_F(AgentDirectoryTest, WhatIsForgottenIsReadAgain) {
  FindRecorded("UALICE", "planner");
  directory().Forget("UALICE");
  directory().Forget("UNOBODY");
  FindUnrecorded("UALICE");
  EXPECT_THAT(heard, ElementsAre("planner", "NOT_FOUND"));
}

TEST_F(AgentDirectoryTest, LookupsThatMeetShareOneReading) {
  Find("UALICE");
  Find("UALICE");
  Find("UBOB");
  EXPECT_THAT(asked, ElementsAre("UALICE", "UBOB"));
  answers[0](AgentRecord{.id = "UALICE", .agent = "planner", .provisioned_at = {}});
  EXPECT_THAT(heard, ElementsAre("planner", "planner"));
}

TEST_F(AgentDirectoryTest, TheEntryUnusedForLongestMakesRoom) {
  FindRecorded("U1", "planner");
  FindRecorded("U2", "planner");
  Find("U1");
  FindRecorded("U3", "planner");  // in the place of U2
  asked.clear();
  Find("U1");
  Find("U3");
  EXPECT_THAT(asked, IsEmpty());
  Find("U2");
  EXPECT_THAT(asked, ElementsAre("U2"));
}

TEST_F(AgentDirectoryTest, AnAnswerMayLookUpAgain) {
  directory().Find("UALICE", [this](const absl::StatusOr<const AgentPolicy*>&) { Find("UALICE"); });
  AnswerLast(absl::NotFoundError("no record"));
  EXPECT_THAT(heard, ElementsAre("NOT_FOUND"));
}

}  // namespace
}  // namespace meshwarden::agent_directory_test
