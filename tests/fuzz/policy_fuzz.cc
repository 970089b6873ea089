// Policies from hostile text: refused with a reason, or agents that get no more than some line grants.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml/limits.h"
#include "policy/explain.h"
#include "policy/loader.h"
#include "policy/policy.h"
#include "policy/startable.h"
#include "proto/channel_pattern.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

void CheckAgent(const Policy& policy, const AgentPolicy& agent) {
  Require(policy.FindByName(agent.name) == &agent, "an agent is found by its name");
  Require(!agent.subscribe.empty(), "an agent starts somewhere: no channels mean every channel");
  Require(agent.subscribe.size() <= kMaxSubscribeChannels, "an agent starts with so many channels only");
  Require(agent.allow_subscribe.size() <= kMaxGrantPatterns, "an agent may read so many patterns only");
  for (const std::string& channel : agent.subscribe) {
    const auto pattern = ChannelPattern::Parse(channel);
    Require(pattern.ok(), "a channel is strict");
    Require(MaySubscribe(agent, *pattern).allowed(), "subscribe is covered by allowSubscribe");
    Require(ExplainChannel(policy, agent.name, channel).ok(), "what is allowed can be explained");
  }
  Require(ChatFilterSubjects(policy.space(), agent.subscribe).ok(), "an agent's channels make a filter");
}

// Every step to what can be started is one that the policy allows, and nothing that it allows is left out.
template <typename Starter>
void CheckStartable(const Policy& policy, const Starter& starter) {
  const std::vector<Startable> all = StartableBy(policy, starter);
  Require(all.size() <= policy.size(), "each agent is there once");
  std::size_t direct = 0;
  for (const Startable& one : all) {
    direct += one.through ? 0 : 1;
    const Verdict step =
        one.through ? MayProvision(*all[*one.through].agent, *one.agent) : MayProvision(starter, *one.agent);
    Require(step.allowed(), "what can be started may be provisioned");
    Require(step.Explain() == Verdict::AllowedBy(one.rule).Explain(), "by the same rule");
  }
  std::size_t allowed = 0;
  for (const AgentPolicy& agent : policy.agents()) allowed += MayProvision(starter, agent).allowed() ? 1 : 0;
  Require(allowed == direct, "what may be provisioned can be started");
  Require(ExplainStarting(policy, starter.name).ok(), "what can be started can be explained");
}

void CheckLauncher(const Policy& policy, const LauncherPolicy& launcher) {
  Require(policy.FindLauncherByName(launcher.name) == &launcher, "a launcher is found by its name");
  Require(policy.FindLauncherById(launcher.id) == &launcher, "a launcher is found by its id");
  Require(policy.FindByPinnedId(launcher.id) == nullptr, "a launcher is no agent");
  Require(launcher.every_agent.has_value() == launcher.may_provision.empty(), "a star stands alone");
  CheckStartable(policy, launcher);
}

void CheckPolicy(const Policy& policy) {
  // What can be started is compared agent by agent: small policies are enough for that.
  constexpr std::size_t kCompared = 100;
  Require(policy.launchers().size() <= kMaxPolicyLaunchers, "a policy has so many launchers only");
  if (policy.size() <= kCompared && policy.launchers().size() <= kCompared) {
    for (const LauncherPolicy& launcher : policy.launchers()) CheckLauncher(policy, launcher);
    for (const AgentPolicy& agent : policy.agents()) CheckStartable(policy, agent);
  }
  Require(policy.size() <= kMaxPolicyAgents, "a policy has so many agents only");
  for (const AgentPolicy& agent : policy.agents()) CheckAgent(policy, agent);
}

void CheckProblem(const SourceProblem& problem) {
  Require(!problem.message.empty(), "a problem says what is wrong");
  Require(problem.caret <= problem.line_text.size(), "the caret stands within the line");
  for (const char c : problem.line_text + problem.message + problem.suggestion) {
    Require(static_cast<unsigned char>(c) >= 0x20, "a problem can be shown on a terminal");
  }
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PolicyLoadResult result = ParsePolicy(text, "policy.yaml");
  fuzz::Require(result.ok() == result.problems.empty(), "a policy, or what is wrong with it");
  fuzz::Require(result.ok() == result.ToStatus().ok(), "the status says the same");
  fuzz::Require(result.problems.size() <= kMaxSourceProblems, "problems are bounded");
  for (const SourceProblem& problem : result.problems) fuzz::CheckProblem(problem);
  if (result.ok()) fuzz::CheckPolicy(*result.policy);
  return 0;
}
