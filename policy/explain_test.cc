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
launchers: {ci: {id: UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC, mayProvision: [worker]}}
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
              IsOkAndHolds(std::string(R"(agent planner (p.yaml:7:3), channel "team.backend"
  read: yes, allowed as "team.>" by group engineering (p.yaml:5:34)
  post: yes, allowed as "team.>" by group engineering (p.yaml:5:58)
  from the start: yes, within "team.*"
)")));
}

TEST(ExplainChannel, SaysWhyNothingAllows) {
  EXPECT_THAT(Explain("worker", "ops"), IsOkAndHolds(std::string(R"(agent worker (p.yaml:11:3), channel "ops"
  read: no, nothing allows reading "ops": no pattern in the allowSubscribe [general] of agent worker (p.yaml:11:3) covers it
  post: no, nothing allows posting to "ops": agent worker (p.yaml:11:3) has no allowPublish
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
  EXPECT_THAT(
      Explain("plannr", "general"),
      StatusIs(absl::StatusCode::kNotFound,
               "the policy of space main has no agent or launcher \"plannr\"; did you mean planner?"));
  EXPECT_THAT(Explain("\x1b[2J", "general"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"\\u001b[2J\"")));
}

TEST(ExplainChannel, ALauncherHasNoChannels) {
  EXPECT_THAT(
      Explain("ci", "general"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "ci is a launcher (p.yaml:3:13), which reads and posts nowhere; leave the channel out to see "
               "what it can start"));
}

TEST(ExplainChannel, AChannelMustBeStrict) {
  EXPECT_THAT(Explain("worker", "foo/bar"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean foo.bar?")));
  EXPECT_THAT(Explain("worker", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty segment")));
}

// Who starts whom: ci planner and scout, planner lead, lead worker and planner.
constexpr char kStarters[] = R"(version: 1
space: main
launchers:
  ci:
    id: UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC
    mayProvision: [planner, scout]
    maxInstances: 50
  any:
    id: UB6J5Q63WW7QMPG7B6T5MMTPQAM4YVCVYRWFONZWY6VQLDDXCBNP5SAA
    mayProvision: ["*"]
agents:
  planner: {capabilities: [spawn], mayProvision: [lead]}
  lead: {capabilities: [spawn], mayProvision: [worker, planner]}
  worker: {}
  scout: {capabilities: [spawn]}
)";

absl::StatusOr<std::string> Starting(std::string_view name, const std::string& yaml = kStarters) {
  const PolicyLoadResult loaded = ParsePolicy(yaml, "p.yaml");
  EXPECT_TRUE(loaded.ok()) << loaded.ToStatus();
  return ExplainStarting(*loaded.policy, name);
}

TEST(ExplainStarting, SaysWhatALauncherStartsAndThroughWhom) {
  EXPECT_THAT(Starting("ci"),
              IsOkAndHolds(std::string(
                  R"(launcher ci (p.yaml:4:3), id UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC
  maxInstances 50, of all agents that it or its agents started
  can start planner, allowed as "planner" by launcher ci (p.yaml:6:20)
  can start scout, allowed as "scout" by launcher ci (p.yaml:6:29)
  can start lead through planner, allowed as "lead" by agent planner (p.yaml:12:51)
  can start worker through planner, lead, allowed as "worker" by agent lead (p.yaml:13:48)
)")));
}

TEST(ExplainStarting, AStarIsOneLine) {
  EXPECT_THAT(Starting("any"),
              IsOkAndHolds(std::string(
                  R"(launcher any (p.yaml:8:3), id UB6J5Q63WW7QMPG7B6T5MMTPQAM4YVCVYRWFONZWY6VQLDDXCBNP5SAA
  no maxInstances
  can start every agent of the policy (4), allowed as "*" by launcher any (p.yaml:10:20)
)")));
}

TEST(ExplainStarting, SaysTheSameOfAnAgent) {
  EXPECT_THAT(Starting("planner"), IsOkAndHolds(std::string(R"(agent planner (p.yaml:12:3)
  can start lead, allowed as "lead" by agent planner (p.yaml:12:51)
  can start worker through lead, allowed as "worker" by agent lead (p.yaml:13:48)
  can start planner through lead, allowed as "planner" by agent lead (p.yaml:13:56)
)")));
}

TEST(ExplainStarting, SaysWhyNothingCanBeStarted) {
  EXPECT_THAT(*Starting("worker"), HasSubstr("can start nothing: it has not the capability spawn"));
  EXPECT_THAT(*Starting("scout"), HasSubstr("can start nothing: it has nothing in mayProvision"));
  const std::string no_agents = std::string(kStarters).substr(0, std::string(kStarters).find("  ci:")) +
                                std::string(kStarters).substr(std::string(kStarters).find("  any:"));
  EXPECT_THAT(*Starting("any", no_agents.substr(0, no_agents.find("agents:"))),
              HasSubstr("can start nothing: the policy has no agents"));
}

TEST(ExplainStarting, TheNearestNameIsOneOfBoth) {
  EXPECT_THAT(Starting("anny"),
              StatusIs(absl::StatusCode::kNotFound,
                       "the policy of space main has no agent or launcher \"anny\"; did you mean "
                       "any?"));
  EXPECT_THAT(Starting("plannr"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean planner?")));
}

TEST(ExplainStarting, ANameOfBothIsBoth) {
  const std::string yaml = std::string(kStarters) + "  ci: {}\n";
  const absl::StatusOr<std::string> text = Starting("ci", yaml);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("launcher ci (p.yaml:4:3)"), HasSubstr("agent ci (p.yaml:16:3)")));
}

TEST(ExplainStarting, ALongWayIsShownByItsEnds) {
  std::string yaml = "version: 1\nspace: main\nagents:\n  end: {}\n";
  for (int i = 0; i < 20; ++i) {
    yaml += "  a" + std::to_string(i) + ": {capabilities: [spawn], mayProvision: [" +
            (i == 19 ? "end" : "a" + std::to_string(i + 1)) + "]}\n";
  }
  EXPECT_THAT(*Starting("a0", yaml),
              AllOf(HasSubstr("can start a9 through a1, a2, a3, a4, a5, a6, a7, a8, allowed"),
                    HasSubstr("can start end through a1, a2, a3, a4, 11 more, a16, a17, a18, a19, allowed")));
}

}  // namespace
}  // namespace meshwarden::explain_test
