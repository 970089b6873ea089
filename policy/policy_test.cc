#include "policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::policy_test {
namespace {

using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::shared_ptr<const std::string>& File() {
  static const auto file = std::make_shared<const std::string>("policy.yaml");
  return file;
}

ChannelPattern Pattern(std::string_view text) { return ChannelPattern::Parse(text).value(); }

// A list on line `line` of the policy.
std::shared_ptr<const GrantList> ListOf(std::string via, int line, const std::vector<std::string>& texts) {
  GrantList list{std::make_shared<const GrantOrigin>(GrantOrigin{File(), std::move(via)}), {}};
  for (const std::string& text : texts) {
    list.patterns.push_back({std::make_shared<const ChannelPattern>(Pattern(text)), line, 5});
  }
  return std::make_shared<const GrantList>(std::move(list));
}

AgentPolicy Planner() {
  AgentPolicy agent;
  agent.name = "planner";
  agent.location = {File(), 9, 3};
  agent.allow_subscribe.Add(ListOf("", 12, {"general", "ops.*"}));
  agent.allow_subscribe.Add(ListOf("group engineering", 6, {"team.>", "general"}));
  return agent;
}

TEST(MaySubscribe, NamesTheLineThatAllows) {
  const Verdict verdict = MaySubscribe(Planner(), Pattern("general"));
  ASSERT_TRUE(verdict.allowed());
  EXPECT_EQ(verdict.rule().text, "general");
  EXPECT_EQ(verdict.Explain(), "allowed as \"general\" by agent planner (policy.yaml:12:5)");
}

TEST(MaySubscribe, NamesTheGroupThatAllows) {
  const Verdict verdict = MaySubscribe(Planner(), Pattern("team.backend.ci"));
  ASSERT_TRUE(verdict.allowed());
  EXPECT_EQ(verdict.rule().via, "group engineering");
  EXPECT_EQ(verdict.Explain(), "allowed as \"team.>\" by group engineering (policy.yaml:6:5)");
}

TEST(MaySubscribe, AnAllowedPatternIsCoveredWhole) {
  EXPECT_TRUE(MaySubscribe(Planner(), Pattern("team.>")).allowed());
  EXPECT_TRUE(MaySubscribe(Planner(), Pattern("team.*.x")).allowed());
  EXPECT_TRUE(MaySubscribe(Planner(), Pattern("ops.*")).allowed());
}

TEST(MaySubscribe, APatternThatReachesFurtherIsRefused) {
  for (const char* text : {">", "*", "*.>", "ops.>", "ops", "team", "general.>", "*.backend"}) {
    EXPECT_FALSE(MaySubscribe(Planner(), Pattern(text)).allowed()) << text;
  }
}

TEST(MaySubscribe, GrantsDoNotAddUp) {
  AgentPolicy agent;
  agent.name = "reader";
  agent.allow_subscribe.Add(ListOf("", 1, {"*", "*.>"}));
  EXPECT_FALSE(MaySubscribe(agent, Pattern(">")).allowed()) << "all of > only with both together";
  EXPECT_TRUE(MaySubscribe(agent, Pattern("a.b")).allowed());
}

TEST(MaySubscribe, ARefusalSaysWhatIsThere) {
  EXPECT_EQ(
      MaySubscribe(Planner(), Pattern("secret")).Explain(),
      "nothing allows reading \"secret\": no pattern in the allowSubscribe [general, ops.*, team.>] of agent "
      "planner (policy.yaml:9:3) covers it");
  EXPECT_THAT(MaySubscribe(Planner(), Pattern("ops.>")).Explain(), HasSubstr("covers all of it"));
}

TEST(MaySubscribe, ARefusalListsNotWithoutEnd) {
  AgentPolicy agent;
  agent.name = "reader";
  for (int i = 0; i < 20; ++i) agent.allow_subscribe.Add(ListOf("", 1, {"c" + std::to_string(i)}));
  EXPECT_THAT(MaySubscribe(agent, Pattern("x")).Explain(),
              HasSubstr("c6, c7, 12 more] of agent reader covers it"));
}

TEST(MayPublish, IsDeniedByDefault) {
  const Verdict verdict = MayPublish(Planner(), Pattern("general"));
  EXPECT_FALSE(verdict.allowed());
  EXPECT_EQ(verdict.Explain(),
            "nothing allows posting to \"general\": agent planner (policy.yaml:9:3) has no allowPublish");
}

TEST(MayPublish, HasGrantsOfItsOwn) {
  AgentPolicy agent = Planner();
  agent.allow_publish.Add(ListOf("defaults", 4, {"help"}));
  EXPECT_TRUE(MayPublish(agent, Pattern("help")).allowed());
  EXPECT_FALSE(MayPublish(agent, Pattern("general")).allowed());
  EXPECT_FALSE(MaySubscribe(agent, Pattern("help")).allowed());
}

TEST(Verdict, OfTheBuiltInDefaultNamesTheAgentThatNamesNothing) {
  AgentPolicy agent;
  agent.name = "silent";
  agent.location = {File(), 21, 3};
  agent.allow_subscribe.push_back({Pattern("general"), {}, "the built-in default"});
  EXPECT_EQ(MaySubscribe(agent, Pattern("general")).Explain(),
            "allowed as \"general\" by the built-in default (policy.yaml:21:3)");
}

TEST(Grants, ListEachPatternOnceInOrder) {
  EXPECT_THAT(Planner().AllowSubscribePatterns(), ElementsAre("general", "ops.*", "team.>"));
  EXPECT_THAT(Planner().AllowPublishPatterns(), IsEmpty());
  EXPECT_EQ(Planner().allow_subscribe.size(), 4);
}

TEST(Policy, FindsAgentsByNameAndPinnedId) {
  AgentPolicy worker;
  worker.name = "worker";
  worker.id = "UWORKER";
  MW_ASSERT_OK_AND_ASSIGN(const auto policy, Policy::Create("main", "r1", {Planner(), worker}));
  EXPECT_EQ(policy->FindByName("planner"), &policy->agents()[0]);
  EXPECT_EQ(policy->FindByName("worker"), &policy->agents()[1]);
  EXPECT_EQ(policy->FindByPinnedId("UWORKER"), &policy->agents()[1]);
  EXPECT_EQ(policy->size(), 2);
}

TEST(Policy, FindsNothingElse) {
  MW_ASSERT_OK_AND_ASSIGN(const auto policy, Policy::Create("main", "r1", {Planner()}));
  for (const char* name : {"", "a", "plan", "planners", "zzz"}) EXPECT_EQ(policy->FindByName(name), nullptr);
  EXPECT_EQ(policy->FindByPinnedId(""), nullptr)
      << "an agent without an id is not the agent with an empty one";
}

TEST(Policy, RefusesTwoAgentsOfOneNameOrId) {
  AgentPolicy a;
  a.name = "a";
  a.id = "U1";
  AgentPolicy b = a;
  EXPECT_THAT(Policy::Create("main", "r", {a, Planner(), b}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two agents have the name \"a\"")));
  b.name = "b";
  EXPECT_THAT(Policy::Create("main", "r", {a, Planner(), b}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two agents are pinned to the id U1")));
}

// A launcher that lists `names` on line 3.
LauncherPolicy Launcher(std::string name, std::string id, const std::vector<std::string>& names) {
  LauncherPolicy launcher;
  launcher.name = std::move(name);
  launcher.location = {File(), 2, 3};
  launcher.id = std::move(id);
  for (const std::string& listed : names) launcher.may_provision.push_back({listed, {3, 20}});
  return launcher;
}

AgentPolicy Worker() {
  AgentPolicy worker;
  worker.name = "worker";
  return worker;
}

TEST(Policy, FindsLaunchersByNameAndId) {
  MW_ASSERT_OK_AND_ASSIGN(
      const auto policy,
      Policy::Create("main", "r1", {Planner()}, {Launcher("night", "U2", {}), Launcher("ci", "U1", {})}));
  EXPECT_EQ(policy->FindLauncherByName("ci"), &policy->launchers()[1]);
  EXPECT_EQ(policy->FindLauncherById("U2"), &policy->launchers()[0]);
  EXPECT_EQ(policy->FindLauncherByName("planner"), nullptr);
  EXPECT_EQ(policy->FindLauncherById("U3"), nullptr);
  EXPECT_EQ(policy->FindByName("ci"), nullptr) << "a launcher is no agent";
}

TEST(Policy, ALauncherWithoutAnIdIsNotTheOneWithAnEmptyOne) {
  MW_ASSERT_OK_AND_ASSIGN(const auto policy, Policy::Create("main", "r1", {}, {Launcher("ci", "", {})}));
  EXPECT_EQ(policy->FindLauncherById(""), nullptr);
}

TEST(Policy, RefusesTwoLaunchersOfOneNameOrId) {
  const LauncherPolicy ci = Launcher("ci", "U1", {});
  EXPECT_THAT(Policy::Create("main", "r", {}, {ci, Launcher("ci", "U2", {})}),
              StatusIs(absl::StatusCode::kInvalidArgument, "two launchers have the name \"ci\""));
  EXPECT_THAT(Policy::Create("main", "r", {}, {ci, Launcher("night", "U1", {})}),
              StatusIs(absl::StatusCode::kInvalidArgument, "two launchers have the id U1"));
}

TEST(Policy, RefusesALauncherWithAnAgentsId) {
  AgentPolicy bot = Worker();
  bot.id = "U1";
  EXPECT_THAT(
      Policy::Create("main", "r", {bot}, {Launcher("ci", "U1", {})}),
      StatusIs(absl::StatusCode::kInvalidArgument, "launcher ci has the id that agent worker is pinned to"));
  EXPECT_TRUE(Policy::Create("main", "r", {bot}, {Launcher("worker", "U2", {})}).ok())
      << "names may be shared";
}

TEST(MayProvision, ALauncherMayProvisionWhatItLists) {
  const LauncherPolicy ci = Launcher("ci", "U1", {"scout", "worker"});
  EXPECT_EQ(MayProvision(ci, Worker()).Explain(), "allowed as \"worker\" by launcher ci (policy.yaml:3:20)");
  EXPECT_EQ(
      MayProvision(ci, Planner()).Explain(),
      "nothing allows provisioning \"planner\": it is not in the mayProvision [scout, worker] of launcher "
      "ci (policy.yaml:2:3)");
}

TEST(MayProvision, AStarIsEveryAgentAndNoNameIsNone) {
  LauncherPolicy ci = Launcher("ci", "U1", {});
  EXPECT_EQ(MayProvision(ci, Worker()).Explain(),
            "nothing allows provisioning \"worker\": launcher ci (policy.yaml:2:3) has no mayProvision");
  ci.every_agent = Place{3, 21};
  EXPECT_EQ(MayProvision(ci, Worker()).Explain(), "allowed as \"*\" by launcher ci (policy.yaml:3:21)");
}

TEST(MayProvision, AnAgentNeedsTheCapabilityAndTheName) {
  AgentPolicy planner = Planner();
  planner.may_provision = {{"worker", {14, 20}}};
  EXPECT_EQ(
      MayProvision(planner, Worker()).Explain(),
      "nothing allows provisioning \"worker\": agent planner (policy.yaml:9:3) has not the capability spawn");
  planner.capabilities = {"spawn"};
  EXPECT_EQ(MayProvision(planner, Worker()).Explain(),
            "allowed as \"worker\" by agent planner (policy.yaml:14:20)");
  EXPECT_FALSE(MayProvision(planner, planner).allowed());
  planner.may_provision = {{"*", {14, 20}}};
  EXPECT_FALSE(MayProvision(planner, Worker()).allowed()) << "a star is for launchers";
}

TEST(MayProvision, ARefusalListsNotWithoutEnd) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("a" + std::to_string(i));
  EXPECT_THAT(MayProvision(Launcher("ci", "U1", names), Worker()).Explain(),
              HasSubstr("a6, a7, 12 more] of"));
}

}  // namespace
}  // namespace meshwarden::policy_test
