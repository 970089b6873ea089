#include "policy/loader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "base/yaml/limits.h"
#include "policy/limits.h"
#include "policy/policy.h"
#include "proto/identity/nkey.h"

namespace meshwarden::loader_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kHead = "version: 1\nspace: main\n";

std::string WithHead(std::string_view rest) { return fmt::format("{}{}", kHead, rest); }

std::vector<std::string> MessagesOf(const PolicyLoadResult& result) {
  std::vector<std::string> messages;
  for (const SourceProblem& problem : result.problems) {
    messages.push_back(problem.location.Format() + ": " + problem.message);
  }
  return messages;
}

// "[c0, c1, ...]" with `count` channels.
std::string ChannelList(std::size_t count) {
  std::vector<std::string> channels;
  for (std::size_t i = 0; i < count; ++i) channels.push_back(fmt::format("c{}", i));
  return fmt::format("[{}]", fmt::join(channels, ", "));
}

std::string ManyAgents(std::size_t count) {
  std::string text = WithHead("agents:\n");
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("  a{}: {{subscribe: [general, c{}]}}\n", i, i);
  return text;
}

TEST(ParsePolicy, AGoodPolicyHasNoProblems) {
  const PolicyLoadResult result = ParsePolicy(WithHead("agents: {worker: {}}\n"), "p.yaml");
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_THAT(result.ToStatus(), IsOk());
  EXPECT_EQ(result.policy->space(), "main");
  EXPECT_EQ(*result.policy->FindByName("worker")->location.file, "p.yaml");
}

TEST(ParsePolicy, ABadPolicyIsNoPolicyAtAll) {
  const PolicyLoadResult result = ParsePolicy(WithHead("agents: {good: {}, bad: {rule: x}}\n"), "p.yaml");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.policy, nullptr);
  EXPECT_THAT(
      result.ToStatus(),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("p.yaml:3:26: unknown key \"rule\" (did you mean role?)"), EndsWith("^"))));
}

TEST(ParsePolicy, WindowsLineEndingsAndAByteOrderMarkAreFine) {
  const PolicyLoadResult result =
      ParsePolicy("\xEF\xBB\xBFversion: 1\r\nspace: main\r\nagents:\r\n  worker: {}\r\n", "p.yaml");
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_EQ(result.policy->agents()[0].location.Format(), "p.yaml:4:3");
}

TEST(ParsePolicy, TheRevisionFollowsTheText) {
  const std::string revision = ParsePolicy(kHead, "p.yaml").policy->revision();
  EXPECT_THAT(revision, SizeIs(16));
  EXPECT_EQ(revision.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(ParsePolicy(kHead, "/elsewhere/p.yaml").policy->revision(), revision);
  EXPECT_NE(ParsePolicy(WithHead("# comment\n"), "p.yaml").policy->revision(), revision);
}

TEST(ParsePolicy, ProblemsAreBounded) {
  std::string text = WithHead("agents:\n");
  for (int i = 0; i < 150; ++i) text += fmt::format("  a{}: {{role: [x]}}\n", i);
  const PolicyLoadResult result = ParsePolicy(text, "p.yaml");
  EXPECT_THAT(result.problems, SizeIs(kMaxSourceProblems));
  EXPECT_EQ(result.problems.front().location.line, 4);
}

TEST(ParsePolicy, SizeIsBounded) {
  std::string text = WithHead("#");
  text.resize(kMaxYamlFileBytes, 'x');
  EXPECT_TRUE(ParsePolicy(text, "p.yaml").ok());
  EXPECT_THAT(MessagesOf(ParsePolicy(text + "x", "p.yaml")),
              ElementsAre("p.yaml: 8388609 bytes are more than the 8388608 allowed"));
}

TEST(ParsePolicy, PatternsOfAListAreBounded) {
  const auto with = [](std::size_t count) {
    return ParsePolicy(WithHead(fmt::format("agents: {{w: {{allowPublish: {}}}}}\n", ChannelList(count))),
                       "p");
  };
  EXPECT_TRUE(with(kMaxGrantPatterns).ok());
  EXPECT_THAT(MessagesOf(with(kMaxGrantPatterns + 1)),
              ElementsAre(HasSubstr("allowPublish has 257 entries, more than the 256 allowed")));
}

TEST(ParsePolicy, PatternsOfAnAgentWithItsGroupsAreBounded) {
  const auto with = [](std::size_t count) {
    return ParsePolicy(
        WithHead(fmt::format("groups: {{g: {{allowSubscribe: {}}}}}\nagents: {{w: {{groups: [g], "
                             "subscribe: [x], allowSubscribe: [x]}}}}\n",
                             ChannelList(count))),
        "p");
  };
  EXPECT_TRUE(with(kMaxGrantPatterns - 1).ok());
  EXPECT_THAT(MessagesOf(with(kMaxGrantPatterns)),
              ElementsAre(HasSubstr("allowSubscribe of agent w has 257 patterns with its groups")));
}

TEST(ParsePolicy, ABirthSetMadeOfAllowSubscribeIsBoundedToo) {
  const auto with = [](std::size_t count) {
    return ParsePolicy(WithHead(fmt::format("agents: {{w: {{allowSubscribe: {}}}}}\n", ChannelList(count))),
                       "p");
  };
  EXPECT_THAT(with(kMaxSubscribeChannels).policy->agents()[0].subscribe, SizeIs(64));
  EXPECT_THAT(MessagesOf(with(kMaxSubscribeChannels + 1)),
              ElementsAre(HasSubstr("65 channels to subscribe to are more than the 64 allowed")));
}

TEST(ParsePolicy, GroupsOfAnAgentAreBounded) {
  const auto with = [](std::size_t count) {
    std::string groups;
    for (std::size_t i = 0; i < count; ++i) groups += fmt::format("  c{}: {{}}\n", i);
    return ParsePolicy(
        WithHead(fmt::format("groups:\n{}agents: {{w: {{groups: {}}}}}\n", groups, ChannelList(count))), "p");
  };
  EXPECT_TRUE(with(kMaxGroupsOfAgent).ok());
  EXPECT_THAT(MessagesOf(with(kMaxGroupsOfAgent + 1)), ElementsAre(HasSubstr("groups has 33 entries")));
}

TEST(ParsePolicy, GroupsAreBounded) {
  const auto with = [](std::size_t count) {
    std::string text = WithHead("groups:\n");
    for (std::size_t i = 0; i < count; ++i) text += fmt::format("  g{}: {{}}\n", i);
    return ParsePolicy(text, "p");
  };
  EXPECT_TRUE(with(kMaxPolicyGroups).ok());
  EXPECT_THAT(MessagesOf(with(kMaxPolicyGroups + 1)),
              ElementsAre("p: 1001 groups are more than the 1000 allowed"));
}

TEST(ParsePolicy, LaunchersAreBounded) {
  std::string text = WithHead("launchers:\n");
  const auto add = [&text](std::size_t number) {
    const KeyPair identity = KeyPair::Generate(NkeyKind::kUser).value();
    text += fmt::format("  l{}: {{id: {}, mayProvision: [\"*\"]}}\n", number, identity.public_key().text());
  };
  for (std::size_t i = 0; i < kMaxPolicyLaunchers; ++i) add(i);
  const PolicyLoadResult most = ParsePolicy(text, "p");
  ASSERT_TRUE(most.ok()) << most.ToStatus();
  EXPECT_THAT(most.policy->launchers(), SizeIs(kMaxPolicyLaunchers));
  add(kMaxPolicyLaunchers);
  EXPECT_THAT(MessagesOf(ParsePolicy(text, "p")),
              ElementsAre("p: 1001 launchers are more than the 1000 allowed"));
}

TEST(ParsePolicy, WhatALauncherMayProvisionIsBounded) {
  std::string text = WithHead("launchers:\n  ci:\n    mayProvision: [");
  for (std::size_t i = 0; i < kMaxMayProvision; ++i) text += fmt::format("a{},", i);
  EXPECT_THAT(
      MessagesOf(ParsePolicy(text + "b]\n", "p")),
      ElementsAre("p:4:3: id is missing", HasSubstr("mayProvision has 10001 entries, more than the 10000")));
}

TEST(ParsePolicy, AgentsAreBounded) {
  const PolicyLoadResult most = ParsePolicy(ManyAgents(kMaxPolicyAgents), "p");
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most.policy->size(), kMaxPolicyAgents);
  EXPECT_THAT(MessagesOf(ParsePolicy(ManyAgents(kMaxPolicyAgents + 1), "p")),
              ElementsAre("p:50004:3: more than 50000 agents"));
}

TEST(ParsePolicy, TenThousandAgentsLoad) {
  const PolicyLoadResult result = ParsePolicy(ManyAgents(10'000), "p");
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_EQ(result.policy->size(), 10'000);
  const AgentPolicy* last = result.policy->FindByName("a9999");
  ASSERT_NE(last, nullptr);
  EXPECT_THAT(last->subscribe, ElementsAre("general", "c9999"));
  EXPECT_EQ(last->location.line, 10'003);
}

class LoadPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "policy.XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, std::string_view text) { std::ofstream(folder_ + "/" + name) << text; }

  // What is wrong, with the folder left out of the names.
  std::vector<std::string> Problems() {
    std::vector<std::string> messages = MessagesOf(LoadPolicy(folder_));
    for (std::string& message : messages) {
      for (std::size_t at; (at = message.find(folder_)) != std::string::npos;)
        message.erase(at, folder_.size());
    }
    return messages;
  }

  std::string folder_;
};

TEST_F(LoadPolicyTest, AFileIsAPolicy) {
  Write("p.yaml", WithHead("agents: {worker: {}}\n"));
  const PolicyLoadResult result = LoadPolicy(folder_ + "/p.yaml");
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_EQ(result.policy->agents()[0].location.Format(), folder_ + "/p.yaml:3:10");
}

TEST_F(LoadPolicyTest, WhatCannotBeReadIsAProblem) {
  EXPECT_THAT(MessagesOf(LoadPolicy(folder_ + "/none.yaml")), ElementsAre(HasSubstr("No such file")));
  EXPECT_THAT(Problems(), ElementsAre(": no *.yaml or *.yml file in this folder"));
  std::filesystem::create_symlink("nowhere", folder_ + "/dangling.yaml");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("No such file")));
}

TEST_F(LoadPolicyTest, FilesOfAFolderUnite) {
  Write("b.yml",
        WithHead("agents:\n  planner: {groups: [eng], capabilities: [spawn], mayProvision: [worker]}\n"));
  Write("a.yaml", WithHead("defaults: {subscribe: [lobby]}\nagents: {worker: {}}\n"));
  Write("c.yaml", WithHead("groups: {eng: {allowPublish: [team.>]}}\n"));
  const PolicyLoadResult result = LoadPolicy(folder_);
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  ASSERT_EQ(result.policy->size(), 2);
  EXPECT_EQ(result.policy->agents()[0].name, "worker") << "in the order of the names of the files";
  EXPECT_THAT(result.policy->agents()[1].subscribe, ElementsAre("lobby"));
  EXPECT_THAT(result.policy->agents()[1].AllowPublishPatterns(), ElementsAre("team.>"));
}

TEST_F(LoadPolicyTest, OtherFilesAreNotLookedAt) {
  Write("a.yaml", kHead);
  Write(".hidden.yaml", "nonsense");
  Write("notes.txt", "nonsense");
  Write("a.yaml~", "nonsense");
  std::filesystem::create_directory(folder_ + "/old.yaml");
  Write("old.yaml/b.yaml", "nonsense");
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(LoadPolicyTest, TheRevisionFollowsEveryFile) {
  Write("a.yaml", kHead);
  Write("b.yaml", kHead);
  const std::string revision = LoadPolicy(folder_).policy->revision();
  Write("b.yaml", WithHead("#\n"));
  EXPECT_NE(LoadPolicy(folder_).policy->revision(), revision);
  Write("b.yaml", kHead);
  EXPECT_EQ(LoadPolicy(folder_).policy->revision(), revision);
  std::filesystem::rename(folder_ + "/b.yaml", folder_ + "/c.yaml");
  EXPECT_NE(LoadPolicy(folder_).policy->revision(), revision);
}

TEST_F(LoadPolicyTest, EveryFileNamesTheSameVersionAndSpace) {
  Write("a.yaml", kHead);
  Write("b.yaml", "version: 1\nspace: other\n");
  Write("c.yaml", "agents: {}\n");
  EXPECT_THAT(Problems(),
              ElementsAre("/b.yaml:2:8: space \"other\" differs from space \"main\" of /a.yaml:2:8",
                          "/c.yaml:1:1: version is missing", "/c.yaml:1:1: space is missing"));
}

TEST_F(LoadPolicyTest, DefaultsStandOnce) {
  Write("a.yaml", WithHead("defaults: {subscribe: [a]}\n"));
  Write("b.yaml", WithHead("defaults: {subscribe: [b]}\n"));
  EXPECT_THAT(Problems(), ElementsAre("/b.yaml:3:1: defaults stand twice, first at /a.yaml:3:1"));
}

TEST_F(LoadPolicyTest, NamesAndIdsAreUniqueAcrossFiles) {
  const std::string id = "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC";
  Write("a.yaml", WithHead(fmt::format("groups: {{g: {{}}}}\nagents: {{w: {{}}, x: {{id: {}}}}}\n", id)));
  Write("b.yaml", WithHead(fmt::format("groups: {{g: {{}}}}\nagents: {{w: {{}}, y: {{id: {}}}}}\n", id)));
  EXPECT_THAT(Problems(),
              ElementsAre("/b.yaml:3:10: group \"g\" stands twice, first at /a.yaml:3:10",
                          "/b.yaml:4:10: agent \"w\" stands twice, first at /a.yaml:4:10",
                          "/b.yaml:4:25: this id is pinned twice, first to agent x at /a.yaml:4:25"));
}

constexpr char kIdOne[] = "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC";
constexpr char kIdTwo[] = "UB6J5Q63WW7QMPG7B6T5MMTPQAM4YVCVYRWFONZWY6VQLDDXCBNP5SAA";

std::string OneLauncher(std::string_view name, std::string_view id, std::string_view may_provision) {
  return WithHead(fmt::format("launchers:\n  {}: {{id: {}, mayProvision: {}}}\n", name, id, may_provision));
}

TEST_F(LoadPolicyTest, LaunchersStandInAnyFile) {
  Write("a.yaml", OneLauncher("ci", kIdOne, "[worker]"));
  Write("b.yaml", OneLauncher("night", kIdTwo, R"(["*"])"));
  Write("c.yaml", WithHead("agents: {worker: {}}\n"));
  const PolicyLoadResult result = LoadPolicy(folder_);
  ASSERT_TRUE(result.ok()) << result.ToStatus();
  ASSERT_THAT(result.policy->launchers(), SizeIs(2));
  EXPECT_EQ(result.policy->launchers()[0].name, "ci") << "in the order of the names of the files";
  EXPECT_EQ(result.policy->FindLauncherById(kIdTwo)->location.Format(), folder_ + "/b.yaml:4:3");
}

TEST_F(LoadPolicyTest, NamesOfLaunchersAreUniqueAcrossFiles) {
  Write("a.yaml", OneLauncher("ci", kIdOne, R"(["*"])"));
  Write("b.yaml", OneLauncher("ci", kIdTwo, R"(["*"])"));
  EXPECT_THAT(Problems(), ElementsAre("/b.yaml:4:3: launcher \"ci\" stands twice, first at /a.yaml:4:3"));
  Write("b.yaml", OneLauncher("ci", kIdOne, R"(["*"])"));
  EXPECT_THAT(Problems(), SizeIs(1)) << "the id is not told too";
}

TEST_F(LoadPolicyTest, IdsOfLaunchersAreUniqueAcrossFiles) {
  Write("a.yaml", OneLauncher("ci", kIdOne, R"(["*"])"));
  Write("b.yaml", OneLauncher("night", kIdOne, R"(["*"])"));
  Write("c.yaml", OneLauncher("bot", kIdTwo, R"(["*"])"));
  Write("d.yaml", WithHead(fmt::format("agents: {{fixed: {{id: {}}}}}\n", kIdTwo)));
  EXPECT_THAT(Problems(),
              ElementsAre("/b.yaml:4:15: launcher night has the id of launcher ci at /a.yaml:4:12",
                          "/c.yaml:4:13: launcher bot has the id of agent fixed at /d.yaml:3:22"));
}

TEST_F(LoadPolicyTest, WhatALauncherMayProvisionMayStandInAFileThatIsBroken) {
  Write("a.yaml", OneLauncher("ci", kIdOne, "[worker]"));
  Write("b.yaml", WithHead("agents: [\n"));
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("/b.yaml:4:1: not valid YAML")));
}

TEST_F(LoadPolicyTest, ABrokenFileSpoilsAllAndHidesNothingInTheOthers) {
  Write("a.yaml", WithHead("groups: [\n"));
  Write("b.yaml", WithHead("agents: {w: {groups: [from_a], role: 1}}\n"));
  EXPECT_FALSE(LoadPolicy(folder_).ok());
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("/a.yaml:4:1: not valid YAML"),
                                      "/b.yaml:3:38: role must be a string, not the number 1"));
}

TEST_F(LoadPolicyTest, FilesAreBounded) {
  for (std::size_t i = 0; i < kMaxPolicyFiles; ++i) Write(fmt::format("{}.yaml", i), kHead);
  EXPECT_THAT(Problems(), IsEmpty());
  Write("more.yaml", kHead);
  EXPECT_THAT(Problems(), ElementsAre(": more than 1000 policy files"));
}

TEST_F(LoadPolicyTest, TheBytesOfAFolderAreBounded) {
  std::string text = WithHead("#");
  text.resize(kMaxYamlFileBytes, 'x');
  for (int i = 0; i < 4; ++i) Write(fmt::format("{}.yaml", i), text);
  EXPECT_THAT(Problems(), IsEmpty());
  Write("more.yaml", kHead);
  EXPECT_THAT(Problems(),
              ElementsAre(HasSubstr("/more.yaml: cannot read /more.yaml: 23 bytes is more than")));
}

}  // namespace
}  // namespace meshwarden::loader_test
