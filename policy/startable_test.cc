#include "policy/startable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden::startable_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

std::vector<NamedPlace> Names(const Strings& names) {
  std::vector<NamedPlace> list;
  for (const std::string& name : names) list.push_back({name, {7, static_cast<int>(list.size()) + 1}});
  return list;
}

AgentPolicy Agent(std::string name, const Strings& may_provision, bool may_spawn = true) {
  AgentPolicy agent;
  agent.name = std::move(name);
  agent.may_provision = Names(may_provision);
  if (may_spawn) agent.capabilities = {"spawn"};
  return agent;
}

LauncherPolicy Launcher(const Strings& may_provision) {
  LauncherPolicy launcher;
  launcher.name = "ci";
  launcher.id = "U1";
  launcher.may_provision = Names(may_provision);
  return launcher;
}

std::shared_ptr<const Policy> PolicyOf(std::vector<AgentPolicy> agents) {
  return Policy::Create("main", "r1", std::move(agents)).value();
}

// "worker < lead < planner": what is started, and whoever stands between.
Strings WaysOf(const std::vector<Startable>& all) {
  Strings ways;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string way;
    for (const AgentPolicy* agent : WayTo(all, i)) way += agent->name + " > ";
    ways.push_back(way + all[i].agent->name);
  }
  return ways;
}

TEST(Startable, ALauncherStartsWhatItListsAndWhatThatStarts) {
  const auto policy = PolicyOf({Agent("planner", {"lead"}), Agent("lead", {"worker"}), Agent("worker", {}),
                                Agent("other", {"worker"})});
  EXPECT_THAT(WaysOf(StartableBy(*policy, Launcher({"planner"}))),
              ElementsAre("planner", "planner > lead", "planner > lead > worker"));
}

TEST(Startable, TheShortestWayIsTold) {
  const auto policy = PolicyOf({Agent("a", {"b"}), Agent("b", {"c"}), Agent("c", {}), Agent("d", {"c"})});
  EXPECT_THAT(WaysOf(StartableBy(*policy, Launcher({"a", "d"}))), ElementsAre("a", "d", "a > b", "d > c"));
}

TEST(Startable, NobodyStartsAnythingWithoutTheCapability) {
  const auto policy = PolicyOf({Agent("planner", {"worker"}, false), Agent("worker", {})});
  EXPECT_THAT(WaysOf(StartableBy(*policy, Launcher({"planner"}))), ElementsAre("planner"));
  EXPECT_THAT(StartableBy(*policy, policy->agents()[0]), IsEmpty());
}

TEST(Startable, ACircleEndsAndLeadsBack) {
  const auto policy = PolicyOf({Agent("a", {"b"}), Agent("b", {"c"}), Agent("c", {"a", "c"})});
  EXPECT_THAT(WaysOf(StartableBy(*policy, policy->agents()[0])), ElementsAre("b", "b > c", "b > c > a"));
  EXPECT_THAT(WaysOf(StartableBy(*policy, Launcher({"c"}))), ElementsAre("c", "c > a", "c > a > b"));
}

TEST(Startable, AStarIsEveryAgentDirectly) {
  const auto policy = PolicyOf({Agent("a", {"b"}), Agent("b", {})});
  LauncherPolicy launcher = Launcher({});
  EXPECT_THAT(StartableBy(*policy, launcher), IsEmpty());
  launcher.every_agent = Place{7, 9};
  EXPECT_THAT(WaysOf(StartableBy(*policy, launcher)), ElementsAre("a", "b"));
}

TEST(Startable, TheRuleIsTheOneThatAllowsTheLastStep) {
  const auto policy =
      PolicyOf({Agent("planner", {"scout", "worker"}), Agent("worker", {}), Agent("scout", {})});
  const LauncherPolicy launcher = Launcher({"planner"});
  const std::vector<Startable> all = StartableBy(*policy, launcher);
  ASSERT_EQ(all.size(), 3);
  EXPECT_EQ(Verdict::AllowedBy(all[0].rule).Explain(), MayProvision(launcher, *all[0].agent).Explain());
  EXPECT_EQ(all[2].agent->name, "worker");
  EXPECT_EQ(all[2].rule.via, "agent planner");
  EXPECT_EQ(all[2].rule.location.column, 2);
}

// No way is kept whole: that would be quadratic.
TEST(Startable, AChainOfAllAgentsIsNoMatter) {
  constexpr int kAgents = 50'000;
  std::vector<AgentPolicy> agents;
  for (int i = 0; i < kAgents; ++i) {
    agents.push_back(Agent(fmt::format("a{}", i), {fmt::format("a{}", (i + 1) % kAgents)}));
  }
  const auto policy = PolicyOf(std::move(agents));
  const std::vector<Startable> all = StartableBy(*policy, Launcher({"a0"}));
  ASSERT_EQ(all.size(), kAgents);
  EXPECT_EQ(WayTo(all, kAgents - 1).size(), kAgents - 1);
}

}  // namespace
}  // namespace meshwarden::startable_test
