// The README and every --help, executed as they are printed: real programs, a real broker.
#include "tests/examples/examples.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "tests/examples/own_network.h"
#include "tests/support/process.h"

namespace meshwarden::testing::examples_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kPort = 4222;  // the one that examples need not name
constexpr std::chrono::milliseconds kPatience{30'000};

std::string NatsServer() {
  const char* chosen = std::getenv("MESHWARDEN_NATS_SERVER");
  return chosen != nullptr ? chosen : Runfile("external/nats_server/nats-server");
}

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(EnterOwnNetwork(kPort), IsOk());
    std::string pattern = (std::filesystem::temp_directory_path() / "examples-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::filesystem::create_directory(directory_ + "/bin");
    std::filesystem::create_directory(directory_ + "/work");
    for (const std::string program : {"meshwarden", "meshwardend"}) {
      std::filesystem::create_symlink(std::filesystem::canonical(Runfile("manager/" + program)),
                                      directory_ + "/bin/" + program);
    }
    std::filesystem::create_symlink(std::filesystem::canonical(NatsServer()),
                                    directory_ + "/bin/nats-server");
  }
  void TearDown() override {
    processes_.clear();
    std::filesystem::remove_all(directory_);
  }

  std::string Work() const { return directory_ + "/work"; }

  // As somebody who has pasted `script` into a shell, which ends at the first command that fails; whatever it
  // has left in the background ends with it.
  ProcessOptions Shell(const std::string& script) const {
    const std::string all =
        "trap 'for job in $(jobs -p); do kill $job 2>/dev/null || true; done; wait' EXIT\nset -e\n" + script;
    return {.argv = {"/bin/bash", "-c", all},
            .environment = {{"PATH", fmt::format("{}/bin:{}", directory_, std::getenv("PATH"))},
                            {"MESHWARDEN_SPACE", ""},
                            {"MESHWARDEN_SERVER", ""},
                            {"MESHWARDEN_CREDS", ""}},
            .directory = Work()};
  }
  Finished Run(const std::string& script) {
    const absl::StatusOr<Finished> finished = RunProgram(Shell(script), kPatience);
    EXPECT_THAT(finished, IsOk()) << script;
    return finished.value_or(Finished{});
  }
  void ExpectDone(const std::string& script) {
    const Finished finished = Run(script);
    EXPECT_EQ(finished.exit_code, 0) << script << "\nsaid: " << finished.output;
  }
  std::string HelpOf(const std::string& command) { return Run(command + " --help").output; }

  // The blocks that can be pasted; the first one builds the programs, which are there.
  std::vector<std::string> ReadmeBlocks() {
    const absl::StatusOr<std::string> page = ReadFile(Runfile("README.md"), 1 << 20);
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> blocks = ShellBlocksAfter(page.value_or(""), "## Use it");
    EXPECT_FALSE(blocks.empty());
    if (!blocks.empty()) {
      EXPECT_THAT(blocks.front(), HasSubstr("bazel build"));
      blocks.erase(blocks.begin());
    }
    return blocks;
  }

  std::string directory_;
  std::vector<std::unique_ptr<Process>> processes_;
};

TEST_F(ExamplesTest, TheReadmeWorksPastedAsItStands) {
  std::string all;
  for (const std::string& block : ReadmeBlocks()) all += block;
  const Finished finished = Run(all);
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  // Its conversation with the agent: both commands are carried out.
  EXPECT_THAT(finished.output, AllOf(HasSubstr(R"("ref":1,"ok":true)"), HasSubstr(R"("ref":2,"ok":true)"),
                                     Not(HasSubstr(R"("ok":false)"))));
}

// A mesh that runs, with the files that examples name.
class HelpExamplesTest : public ExamplesTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ExamplesTest::SetUp());
    std::string files;
    for (const std::string& block : ReadmeBlocks()) {
      if (block.find("cat >") != std::string::npos)
        files += block.substr(0, block.find("END\n", block.find("END'") + 4) + 4);
    }
    ASSERT_THAT(files, AllOf(HasSubstr("> policy.yaml"), HasSubstr("> meshwardend.yaml")));
    files_ = files;
  }
  void StartMesh() {
    ExpectDone("meshwarden space init --space main --dir ./mesh");
    ExpectDone(files_);
    Launch("exec nats-server -c ./mesh/server.conf", "Server is ready");
    ExpectDone("meshwarden space setup --creds ./mesh/creds/setup.creds");
    ExpectDone(
        "meshwarden provision planner --policy policy.yaml --issuer ./mesh/issuer.json "
        "--creds ./mesh/creds/setup.creds --out planner.creds");
    Launch("exec meshwardend --config meshwardend.yaml", "ready");
  }
  void Launch(const std::string& script, std::string_view ready) {
    absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(Shell(script));
    ASSERT_THAT(process, IsOk());
    ASSERT_THAT((*process)->WaitForOutput(ready, kPatience), IsOk()) << script;
    processes_.push_back(*std::move(process));
  }

  // The command and all those below it.
  void Collect(const std::string& command, std::vector<std::string>& commands) {
    commands.push_back(command);
    for (const std::string& name : SubcommandsOf(HelpOf(command))) Collect(command + " " + name, commands);
  }

  std::string files_;
};

bool Begins(const std::vector<std::string>& examples) {
  return !examples.empty() && examples.front().find("space init") != std::string::npos;
}

TEST_F(HelpExamplesTest, EveryHelpsExamplesWorkAsPrinted) {
  ASSERT_NO_FATAL_FAILURE(StartMesh());
  std::vector<std::string> commands;
  Collect("meshwarden", commands);
  EXPECT_GT(commands.size(), 10u);
  for (const std::string& command : commands) {
    const std::vector<std::string> examples = ExamplesOf(HelpOf(command));
    EXPECT_FALSE(examples.empty()) << command << " shows no example";
    if (Begins(examples)) continue;  // below
    for (const std::string& example : examples) ExpectDone(example);
  }
}

TEST_F(HelpExamplesTest, ExamplesThatBeginWithASpaceDoSoWithNothingThere) {
  std::vector<std::string> commands;
  Collect("meshwarden", commands);
  int run = 0;
  for (const std::string& command : commands) {
    const std::vector<std::string> examples = ExamplesOf(HelpOf(command));
    if (!Begins(examples)) continue;
    ++run;
    std::filesystem::remove_all(Work());
    std::filesystem::create_directory(Work());
    ExpectDone(files_);
    std::string all;
    for (const std::string& example : examples) all += example;
    ExpectDone(all);
  }
  EXPECT_GE(run, 3);
}

TEST_F(HelpExamplesTest, TheDaemonsExamplesWorkAsPrinted) {
  ASSERT_NO_FATAL_FAILURE(StartMesh());
  const std::vector<std::string> examples = ExamplesOf(HelpOf("meshwardend"));
  EXPECT_GE(examples.size(), 2u);
  for (const std::string& example : examples) {
    if (example.find("--check") != std::string::npos) {
      ExpectDone(example);
      continue;
    }
    ASSERT_NO_FATAL_FAILURE(Launch("exec " + example, "ready"));
    processes_.back()->Signal(SIGTERM);
    EXPECT_THAT(processes_.back()->Wait(kPatience), IsOkAndHolds(0)) << example;
  }
}

TEST(ShellBlocksAfter, TakesThoseOfOneLanguageBehindAHeading) {
  constexpr char kPage[] = "```sh\nnot\n```\n## Use it\n```yaml\nno: 1\n```\n```sh\na \\\n  b\n```\n";
  EXPECT_THAT(ShellBlocksAfter(kPage, "## Use it"), ElementsAre("a \\\n  b\n"));
}

TEST(ExamplesOf, KeepsContinuedLinesTogether) {
  constexpr char kHelp[] = "Usage\n  x\n\nExamples:\n  a --b\n  c \\\n      --d\n";
  EXPECT_THAT(ExamplesOf(kHelp), ElementsAre("a --b\n", "c \\\n--d\n"));
  EXPECT_THAT(ExamplesOf("Usage"), SizeIs(0));
}

TEST(SubcommandsOf, ReadsTheirNames) {
  constexpr char kHelp[] =
      "Options:\n  -h\n\nSubcommands:\n  init                  Make\n  setup   Do\n\nExample:\n  x\n";
  EXPECT_THAT(SubcommandsOf(kHelp), ElementsAre("init", "setup"));
}

}  // namespace
}  // namespace meshwarden::testing::examples_test
