#include "policy/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"
#include "policy/loader.h"

namespace meshwarden::explain_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(version: 1
space: main
groups:
  engineering: {allowSubscribe: [team.>], allowPublish: [team.>]}
agents:
  planner:
    groups: [engineering]
    subscribe: [general, team.*]
    allowSubscribe: [general]
  worker:
    subscribe: [general]
)";

absl::StatusOr<std::string> Explain(std::string_view name, std::string_view channel) {
  const PolicyLoadResult loaded = ParsePolicy(kPolicy, "p.yaml");
  EXPECT_TRUE(loaded.ok()) << loaded.ToStatus();
  return ExplainChannel(*loaded.policy, name, channel);
}

TEST(ExplainChannel, SaysWhichLinesAllow) {
  EXPECT_THAT(Explain("planner", "team.backend"),
              IsOkAndHolds(std::string(R"(agent planner (p.yaml:6:3), channel "team.backend"
  read: yes, allowed as "team.>" by group engineering (p.yaml:4:34)
  post: yes, allowed as "team.>" by group engineering (p.yaml:4:58)
  from the start: yes, within "team.*"
)")));
}

TEST(ExplainChannel, SaysWhyNothingAllows) {
  EXPECT_THAT(Explain("worker", "ops"), IsOkAndHolds(std::string(R"(agent worker (p.yaml:10:3), channel "ops"
  read: no, nothing allows reading "ops": no pattern in the allowSubscribe [general] of agent worker (p.yaml:10:3) covers it
  post: no, nothing allows posting to "ops": agent worker (p.yaml:10:3) has no allowPublish
  from the start: no
)")));
}

TEST(ExplainChannel, APatternIsExplainedToo) {
  const absl::StatusOr<std::string> text = Explain("planner", "team.>");
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, AllOf(HasSubstr("read: yes"), HasSubstr("from the start: no")));
  EXPECT_THAT(*Explain("planner", ">"), HasSubstr("read: no"));
}

TEST(ExplainChannel, AnUnknownAgentIsNotFound) {
  EXPECT_THAT(Explain("plannr", "general"),
              StatusIs(absl::StatusCode::kNotFound,
                       "the policy of space main has no agent \"plannr\"; did you mean planner?"));
  EXPECT_THAT(Explain("\x1b[2J", "general"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"\\u001b[2J\"")));
}

TEST(ExplainChannel, AChannelMustBeStrict) {
  EXPECT_THAT(Explain("worker", "foo/bar"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean foo.bar?")));
  EXPECT_THAT(Explain("worker", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty segment")));
}

}  // namespace
}  // namespace meshwarden::explain_test
