// Every testdata/NAME.yaml is loaded and compared with testdata/NAME.expected: the problems as people see
// them, or what each agent got, with the line that gave it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "policy/loader.h"
#include "policy/policy.h"

namespace meshwarden::testdata_test {
namespace {

constexpr char kFolder[] = "policy/testdata";
constexpr std::size_t kMaxBytes = 1 << 20;

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "KEY PATTERN: the rule" for each pattern of `grants`.
template <typename May>
std::string DescribeGrants(const AgentPolicy& agent, const std::vector<std::string>& patterns,
                           std::string_view key, May may) {
  std::string text;
  for (const std::string& pattern : patterns) {
    text += fmt::format("  {} {}\n", key, may(agent, ChannelPattern::Parse(pattern).value()).Explain());
  }
  return text;
}

// A line for each agent that `starter` may provision: the rule.
template <typename Starter>
std::string DescribeProvisioning(const Policy& policy, const Starter& starter) {
  std::string text;
  for (const AgentPolicy& agent : policy.agents()) {
    const Verdict verdict = MayProvision(starter, agent);
    if (verdict.allowed()) text += fmt::format("  provision {} {}\n", agent.name, verdict.Explain());
  }
  return text;
}

std::string DescribeLauncher(const Policy& policy, const LauncherPolicy& launcher) {
  std::string text =
      fmt::format("launcher {} ({})\n  id {}\n", launcher.name, launcher.location.Format(), launcher.id);
  text += DescribeProvisioning(policy, launcher);
  if (launcher.max_instances) text += fmt::format("  at most {} instances\n", *launcher.max_instances);
  return text;
}

std::string DescribeAgent(const Policy& policy, const AgentPolicy& agent) {
  std::string text = fmt::format("agent {} ({})\n", agent.name, agent.location.Format());
  if (agent.id) text += fmt::format("  id {}\n", *agent.id);
  if (agent.role) text += fmt::format("  role {}\n", *agent.role);
  text += fmt::format("  starts with [{}]\n", fmt::join(agent.subscribe, ", "));
  text += DescribeGrants(agent, agent.AllowSubscribePatterns(), "read", MaySubscribe);
  text += DescribeGrants(agent, agent.AllowPublishPatterns(), "post", MayPublish);
  if (!agent.capabilities.empty()) text += fmt::format("  may [{}]\n", fmt::join(agent.capabilities, ", "));
  text += DescribeProvisioning(policy, agent);
  if (agent.max_instances) text += fmt::format("  at most {} instances\n", *agent.max_instances);
  if (agent.credential_ttl) text += fmt::format("  credentials for {} ms\n", agent.credential_ttl->count());
  return text;
}

std::string Describe(const PolicyLoadResult& result) {
  if (!result.ok()) return std::string(result.ToStatus().message()) + "\n";
  std::string text = fmt::format("space {}\n", result.policy->space());
  const Policy& policy = *result.policy;
  for (const AgentPolicy& agent : policy.agents()) text += DescribeAgent(policy, agent);
  for (const LauncherPolicy& launcher : policy.launchers()) text += DescribeLauncher(policy, launcher);
  return text;
}

class PolicyFileTest : public ::testing::TestWithParam<std::string> {};

TEST_P(PolicyFileTest, LoadsAsExpected) {
  const std::string base = fmt::format("{}/{}", kFolder, GetParam());
  const absl::StatusOr<std::string> yaml = ReadFile(base + ".yaml", kMaxBytes);
  const absl::StatusOr<std::string> expected = ReadFile(base + ".expected", kMaxBytes);
  ASSERT_TRUE(yaml.ok()) << yaml.status();
  const PolicyLoadResult result = ParsePolicy(*yaml, GetParam() + ".yaml");
  EXPECT_EQ(result.ok(), result.problems.empty());
  ASSERT_TRUE(expected.ok()) << expected.status() << "\n" << Describe(result);
  EXPECT_EQ(Describe(result), *expected);
}

INSTANTIATE_TEST_SUITE_P(Testdata, PolicyFileTest, ::testing::ValuesIn(CaseNames()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace meshwarden::testdata_test
