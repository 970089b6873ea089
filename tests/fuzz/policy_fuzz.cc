// Policies from hostile text: refused with a reason, or agents that get no more than some line grants.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/yaml/limits.h"
#include "policy/explain.h"
#include "policy/loader.h"
#include "policy/policy.h"
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

void CheckPolicy(const Policy& policy) {
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
