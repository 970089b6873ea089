#include "manager/cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace meshwarden::cli_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"MESHWARDEN_SPACE", "MESHWARDEN_SERVER", "MESHWARDEN_CREDS"}) {
      unsetenv(name);
    }
    directory_ =
        ::testing::TempDir() + "cli_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  // Runs the command and returns its exit code; what it wrote is in out_ and err_.
  int Run(const std::vector<std::string>& args) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = RunCli(args, out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  std::string File(const std::string& name, const std::string& contents) const {
    std::string path = directory_ + "/" + name;
    std::ofstream(path) << contents;
    return path;
  }
  std::string Policy() const {
    return File("policy.yaml",
                "version: 1\nspace: main\nagents:\n  planner:\n    subscribe: [general]\n"
                "    allowSubscribe: [general, team.>]\n");
  }
  // A space in directory_/mesh.
  std::string Space() {
    EXPECT_EQ(Run({"space", "init", "--space", "main", "--dir", directory_ + "/mesh"}), 0) << err_;
    return directory_ + "/mesh";
  }

  std::string directory_;
  std::string out_;
  std::string err_;
};

TEST_F(CliTest, EveryLevelsHelpEndsWithAnExample) {
  const std::vector<std::vector<std::string>> levels = {{},
                                                        {"space"},
                                                        {"space", "init"},
                                                        {"space", "setup"},
                                                        {"provision"},
                                                        {"agent"},
                                                        {"creds"},
                                                        {"creds", "show"},
                                                        {"creds", "mint"},
                                                        {"policy"},
                                                        {"policy", "check"},
                                                        {"policy", "explain"}};
  for (std::vector<std::string> level : levels) {
    level.emplace_back("--help");
    EXPECT_EQ(Run(level), 0);
    const std::size_t example = out_.rfind("\nExample");
    ASSERT_NE(example, std::string::npos) << out_;
    EXPECT_THAT(out_.substr(example), HasSubstr("  meshwarden ")) << out_;
    EXPECT_THAT(err_, IsEmpty());
  }
}

// Whatever the command: --space is the one that all is about, and it is refused where something else is.
TEST_F(CliTest, SpaceIsTakenByEveryCommand) {
  const std::string mesh = Space();
  const std::string policy = Policy();
  const std::string issuer = mesh + "/issuer.json";
  const std::string setup = mesh + "/creds/setup.creds";
  const std::vector<std::vector<std::string>> commands = {
      {"policy", "check", policy},
      {"policy", "explain", "planner", "general", "--policy", policy},
      {"creds", "show", setup},
      {"space", "harden", "--dir", mesh},
      {"provision", "planner", "--policy", policy, "--issuer", issuer, "--creds", setup, "--server",
       "nats://127.0.0.1:1", "--out", directory_ + "/out.creds"}};
  for (std::vector<std::string> command : commands) {
    command.insert(command.end(), {"--space", "main"});
    const int reaches_the_broker = command.front() == "provision" ? 1 : 0;
    EXPECT_EQ(Run(command), reaches_the_broker) << err_;
    EXPECT_THAT(err_, Not(HasSubstr("space"))) << command.front();
    command.back() = "other";
    EXPECT_EQ(Run(command), 1) << command.front();
    EXPECT_THAT(err_, AllOf(HasSubstr("is for space \"main\", not \"other\""), HasSubstr("--space")));
  }
}

TEST_F(CliTest, ACredentialTooLargeForTheControlLineIsTold) {
  std::string policy =
      "version: 1\nspace: main\nagents:\n  small: {subscribe: [general]}\n  large:\n    subscribe: [c0]\n";
  const std::string name(60, 'c');
  for (const std::string key : {"allowSubscribe", "allowPublish"}) {
    policy += "    " + key + ": [c0";
    for (int i = 1; i < 256; ++i) policy += ", " + name + std::to_string(i);
    policy += "]\n";
  }
  const std::string path = File("policy.yaml", policy);
  EXPECT_EQ(Run({"policy", "check", path}), 0) << err_;
  EXPECT_THAT(err_, AllOf(HasSubstr("warning: agent \"large\": its JWT of"), HasSubstr("max_control_line"),
                          Not(HasSubstr("small"))));
  EXPECT_THAT(out_, HasSubstr("fine: space main"));
  EXPECT_EQ(Run({"policy", "check", path, "--json"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("\"warnings\":["), HasSubstr("max_control_line")));

  const std::string mesh = Space();
  std::string channels = "c0";
  for (int i = 0; i < 400; ++i) channels += "," + name + std::to_string(i);
  const std::string out = directory_ + "/large.creds";
  EXPECT_EQ(Run({"creds", "mint", "--profile", "agent", "--allow-subscribe", channels, "--issuer",
                 mesh + "/issuer.json", "--out", out}),
            0);
  EXPECT_THAT(err_, HasSubstr("max_control_line"));
  EXPECT_EQ(Run({"creds", "show", out}), 0);
  EXPECT_THAT(err_, HasSubstr("max_control_line"));
}

TEST_F(CliTest, TheVersionIsTold) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_EQ(out_, "meshwarden 0.1.0\n");
}

TEST_F(CliTest, WrongUsageIsTwoAndPointsAtTheHelp) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"fly"},
      {"space"},
      {"space", "init"},
      {"space", "init", "--space", "main", "--dir", "x", "--port", "0"},
      {"space", "init", "--space", "main", "--dir", "x", "--tls-cert", "c"},
      {"space", "setup"},
      {"space", "setup", "--creds", "x", "--replicas", "6"},
      {"provision", "planner"},
      {"creds", "show"},
      {"creds", "mint", "--profile", "mover"},
      {"policy", "check"},
      {"policy", "check", "a", "b"},
      {"policy", "check", "a", "--colour"},
      {"policy", "explain", "--policy", "p"},
      {"policy", "explain", "planner", "general"}};
  for (const std::vector<std::string>& args : wrong) {
    EXPECT_EQ(Run(args), 2) << ::testing::PrintToString(args);
    EXPECT_THAT(err_, AllOf(StartsWith("meshwarden: "), HasSubstr("--help shows an example")));
    EXPECT_THAT(out_, IsEmpty());
  }
}

TEST_F(CliTest, TheHintNamesTheCommandThatWasGiven) {
  Run({"creds", "mint", "--profile", "mover"});
  EXPECT_THAT(err_, HasSubstr("\nmeshwarden creds mint --help shows an example.\n"));
}

TEST_F(CliTest, SpaceInitWritesASpaceAndSaysHowToGoOn) {
  const std::string mesh = Space();
  EXPECT_THAT(out_, AllOf(HasSubstr("nats-server -c " + mesh + "/server.conf"),
                          HasSubstr("meshwarden space setup --creds " + mesh + "/creds/setup.creds")));
  EXPECT_TRUE(std::filesystem::exists(mesh + "/issuer.json"));
  EXPECT_TRUE(std::filesystem::exists(mesh + "/creds/mover.creds"));
}

TEST_F(CliTest, SpaceInitOverwritesNothing) {
  const std::string mesh = Space();
  EXPECT_EQ(Run({"space", "init", "--space", "main", "--dir", mesh}), 1);
  EXPECT_THAT(err_, StartsWith("meshwarden: "));
}

TEST_F(CliTest, TheSpaceIsAlsoTakenFromTheEnvironment) {
  setenv("MESHWARDEN_SPACE", "fromenv", 1);
  EXPECT_EQ(Run({"space", "init", "--dir", directory_ + "/mesh"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("space fromenv is in"));
  unsetenv("MESHWARDEN_SPACE");
}

TEST_F(CliTest, CredsShowTellsWhatACredentialMayDo) {
  const std::string mesh = Space();
  EXPECT_EQ(Run({"creds", "show", mesh + "/creds/manager.creds"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("profile    manager (answers control requests)"),
                          HasSubstr("space      main"), HasSubstr("$JS.>"), Not(HasSubstr("SEED"))));
  EXPECT_EQ(Run({"creds", "show", "--json", mesh + "/creds/mover.creds"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out_)["profile"], "mover");
}

TEST_F(CliTest, CredsShowRefusesWhatIsNoCredsFile) {
  EXPECT_EQ(Run({"creds", "show", Policy()}), 1);
  EXPECT_THAT(err_, HasSubstr("policy.yaml"));
  EXPECT_EQ(Run({"creds", "show", "/nowhere"}), 1);
}

TEST_F(CliTest, CredsMintWritesACredentialOnce) {
  const std::string mesh = Space();
  const std::vector<std::string> mint = {"creds",
                                         "mint",
                                         "--profile",
                                         "agent",
                                         "--issuer",
                                         mesh + "/issuer.json",
                                         "--out",
                                         directory_ + "/a.creds",
                                         "--ttl",
                                         "24h",
                                         "--allow-subscribe",
                                         "general,team.>"};
  EXPECT_EQ(Run(mint), 0) << err_;
  EXPECT_EQ(Run({"creds", "show", directory_ + "/a.creds"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("profile    agent"), HasSubstr("cotal.main.chat.*.team.>"),
                          Not(HasSubstr("expires    never"))));
  EXPECT_EQ(Run(mint), 1);
}

TEST_F(CliTest, MintedCredentialsTakeTheSpacesSecretsFromWhereverTheyAre) {
  const std::string mesh = Space();
  std::filesystem::copy(mesh + "/issuer.json", directory_ + "/issuer.json");
  const auto mint = [&](const std::string& issuer, const std::string& out) {
    return std::vector<std::string>{"creds",    "mint", "--profile", "mover",
                                    "--issuer", issuer, "--out",     directory_ + out};
  };
  EXPECT_EQ(Run(mint(mesh + "/issuer.json", "/a.creds")), 0) << err_;
  EXPECT_THAT(err_, IsEmpty());
  EXPECT_EQ(Run(mint(directory_ + "/issuer.json", "/b.creds")), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("name one with --secrets-of"));
  std::vector<std::string> named = mint(directory_ + "/issuer.json", "/c.creds");
  named.insert(named.end(), {"--secrets-of", mesh + "/creds/mover.creds"});
  EXPECT_EQ(Run(named), 0) << err_;
  EXPECT_THAT(err_, IsEmpty());
}

TEST_F(CliTest, SecretsOfAnotherSpaceAreRefused) {
  const std::string mesh = Space();
  const std::string foreign = directory_ + "/foreign";
  ASSERT_EQ(Run({"space", "init", "--space", "main", "--dir", foreign}), 0) << err_;
  const std::vector<std::string> mint = {
      "creds",     "mint",  "--issuer",    mesh + "/issuer.json", "--out", directory_ + "/a.creds",
      "--profile", "mover", "--secrets-of"};
  const auto mint_with = [&](const std::string& path) {
    std::vector<std::string> arguments = mint;
    arguments.push_back(path);
    return Run(arguments);
  };
  EXPECT_EQ(mint_with(foreign + "/creds/mover.creds"), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("mover.creds is of account A"), HasSubstr("the issuer of A")));
  // Another space under the same account.
  auto issuer = nlohmann::ordered_json::parse(std::ifstream(mesh + "/issuer.json"));
  issuer["space"] = "other";
  const std::string other = directory_ + "/other";
  std::filesystem::create_directories(other);
  std::ofstream(other + "/issuer.json") << issuer.dump();
  ASSERT_EQ(Run({"creds", "mint", "--profile", "mover", "--issuer", other + "/issuer.json", "--out",
                 other + "/x.creds", "--secrets-of", mesh + "/creds/mover.creds"}),
            1);
  EXPECT_THAT(err_, HasSubstr("mover.creds is of space \"main\", the issuer of \"other\""));
  EXPECT_EQ(mint_with(mesh + "/creds/observer.creds"), 1);
  EXPECT_THAT(err_, HasSubstr("holds no secret tokens"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/a.creds"));
  // What stands beside the issuer by mistake is not taken either.
  std::filesystem::copy(foreign + "/creds", other + "/creds");
  EXPECT_EQ(Run({"creds", "mint", "--profile", "mover", "--issuer", other + "/issuer.json", "--out",
                 other + "/x.creds"}),
            0);
  EXPECT_THAT(err_, HasSubstr("warning: no credential"));
}

TEST_F(CliTest, CredsMintRefusesWhatTheProfileDoesNotHave) {
  const std::string mesh = Space();
  const auto mint = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {
        "creds", "mint", "--issuer", mesh + "/issuer.json", "--out", directory_ + "/b.creds"};
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  };
  EXPECT_EQ(mint({"--profile", "mover", "--role", "lead"}), 1);
  EXPECT_THAT(err_, HasSubstr("are for --profile agent"));
  EXPECT_EQ(mint({"--profile", "king"}), 1);
  EXPECT_EQ(mint({"--profile", "mover", "--ttl", "soon"}), 1);
  EXPECT_THAT(err_, HasSubstr("--ttl"));
  for (const char* ttl : {"99999999999999999999d", "9223372036854775807d", "9223372036854775807s", "0s"}) {
    EXPECT_EQ(mint({"--profile", "mover", "--ttl", ttl}), 1) << ttl;
    EXPECT_THAT(err_, ::testing::AnyOf(HasSubstr("longer than"), HasSubstr("lifetime of 0 s"))) << ttl;
  }
  EXPECT_EQ(mint({"--profile", "mover", "--space", "other"}), 1);
  EXPECT_EQ(mint({"--profile", "agent", "--allow-subscribe", "foo/bar"}), 1);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/b.creds"));
}

// The test goes on in the folder that it began in.
TEST_F(CliTest, AWorkingDirectoryThatIsGoneIsToldOf) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::string gone = directory_ + "/gone";
  std::filesystem::create_directories(gone);
  std::filesystem::current_path(gone);
  std::filesystem::remove(gone);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"space", "init", "--space", "main", "--dir", "mesh"},
        {"space", "harden", "--dir", "mesh"}}) {
    EXPECT_EQ(Run(command), 1);
    EXPECT_THAT(err_, HasSubstr("the working directory is gone"));
  }
  EXPECT_EQ(Run({"policy", "check", "policy.yaml"}), 1);
  std::filesystem::current_path(before);
}

TEST_F(CliTest, PolicyCheckSaysFineOrWhatIsWrong) {
  EXPECT_EQ(Run({"policy", "check", Policy()}), 0) << err_;
  EXPECT_THAT(out_, StartsWith("fine: space main, 1 agents, 0 launchers, revision "));
  const std::string bad = File("bad.yaml", "version: 1\nspace: main\nagent: {}\n");
  EXPECT_EQ(Run({"policy", "check", bad}), 1);
  EXPECT_THAT(err_, HasSubstr("bad.yaml:3:1: "));
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(CliTest, PolicyCheckAnswersInJson) {
  EXPECT_EQ(Run({"policy", "check", "--json", Policy()}), 0) << err_;
  EXPECT_EQ(nlohmann::json::parse(out_)["agents"], 1);
  EXPECT_EQ(nlohmann::json::parse(out_)["launchers"], 0);
  EXPECT_EQ(Run({"policy", "check", "--json", File("bad.yaml", "version: 1\nspace: main\nagent: {}\n")}), 1);
  const auto report = nlohmann::json::parse(out_);
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["problems"][0]["line"], 3);
}

TEST_F(CliTest, PolicyExplainNamesTheRule) {
  EXPECT_EQ(Run({"policy", "explain", "planner", "team.a", "--policy", Policy()}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("read: yes"), HasSubstr("policy.yaml:6:"), HasSubstr("post: no")));
  EXPECT_EQ(Run({"policy", "explain", "planer", "team.a", "--policy", Policy()}), 1);
  EXPECT_THAT(err_, HasSubstr("planner"));
}

TEST_F(CliTest, PolicyExplainSaysWhatALauncherOrAnAgentCanStart) {
  const std::string policy =
      File("launchers.yaml",
           "version: 1\nspace: main\nlaunchers:\n  ci:\n    id: "
           "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC\n    mayProvision: [planner]\n"
           "    maxInstances: 50\nagents:\n  planner: {capabilities: [spawn], mayProvision: [worker]}\n"
           "  worker: {}\n");
  EXPECT_EQ(Run({"policy", "check", policy}), 0) << err_;
  EXPECT_THAT(out_, StartsWith("fine: space main, 2 agents, 1 launchers, revision "));
  EXPECT_EQ(Run({"policy", "explain", "ci", "--policy", policy}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("maxInstances 50"), HasSubstr("can start planner, "),
                          HasSubstr("can start worker through planner, ")));
  EXPECT_EQ(Run({"policy", "explain", "planner", "--policy", policy}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("can start worker, "));
  EXPECT_EQ(Run({"policy", "explain", "ci", "general", "--policy", policy}), 1);
  EXPECT_THAT(err_, HasSubstr("leave the channel out"));
  EXPECT_EQ(Run({"policy", "explain", "cii", "--policy", policy}), 1);
  EXPECT_THAT(err_, HasSubstr("did you mean ci?"));
}

TEST_F(CliTest, ABrokerThatIsNotThereIsAnErrorThatSaysWhatToDo) {
  const std::string mesh = Space();
  const std::string nowhere = "nats://127.0.0.1:1";
  EXPECT_EQ(Run({"space", "setup", "--creds", mesh + "/creds/setup.creds", "--server", nowhere}), 1);
  EXPECT_THAT(err_,
              AllOf(HasSubstr("cannot connect to " + nowhere), HasSubstr("is nats-server running there?")));
  const std::string out = directory_ + "/planner.creds";
  EXPECT_EQ(Run({"provision", "planner", "--policy", Policy(), "--issuer", mesh + "/issuer.json", "--creds",
                 mesh + "/creds/setup.creds", "--server", nowhere, "--out", out}),
            1);
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace meshwarden::cli_test
