#include "manager/daemon/daemon_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace meshwarden::daemon_flags_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DaemonFlagsTest : public ::testing::Test {
 protected:
  // The configuration that `args` make; fails the test if they make none.
  Config Read(const std::vector<std::string>& args) {
    const auto read = ReadDaemonFlags(args, out_, err_);
    const auto* order = std::get_if<DaemonOrder>(&read);
    EXPECT_NE(order, nullptr) << err_.str();
    return order == nullptr ? Config() : order->config;
  }
  // The exit code that `args` end in.
  int ExitCode(const std::vector<std::string>& args) {
    const auto read = ReadDaemonFlags(args, out_, err_);
    const int* code = std::get_if<int>(&read);
    EXPECT_NE(code, nullptr) << "was going to serve";
    return code == nullptr ? -1 : *code;
  }
  static std::string File(const std::string& yaml) {
    std::string path = ::testing::TempDir() + "/daemon_flags_test.yaml";
    std::ofstream(path) << yaml;
    return path;
  }

  const std::vector<std::string> complete_ = {"--space",  "main", "--credentials",       "a.creds",
                                              "--policy", "p",    "--mover-credentials", "b.creds"};
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(DaemonFlagsTest, FlagsAloneAreEnough) {
  std::vector<std::string> args = complete_;
  args.insert(args.end(), {"--server", "nats://a:1", "--server", "nats://b:2,nats://c:3", "--log-format",
                           "json", "--in-flight", "7", "--tls-ca", "ca.pem", "--tls-first"});
  const Config config = Read(args);
  EXPECT_EQ(config.space, "main");
  EXPECT_THAT(config.servers, ElementsAre("nats://a:1", "nats://b:2", "nats://c:3"));
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.limits.running, 7U);
  EXPECT_TRUE(config.tls.required);
  EXPECT_TRUE(config.tls.handshake_first);
}

TEST_F(DaemonFlagsTest, FlagsWinOverTheFile) {
  const std::string file = File(
      "space: filespace\ncredentials: /c\nmover_credentials: /m\npolicy: /p\nservers: nats://file:1\n"
      "log: {level: warn}\n");
  const Config config =
      Read({"--config", file, "--space", "main", "--watcher-credentials", "/w", "--log-level", "debug"});
  EXPECT_EQ(config.space, "main");
  EXPECT_EQ(config.credentials, "/c");
  EXPECT_EQ(config.watcher_credentials, "/w");
  EXPECT_THAT(config.servers, ElementsAre("nats://file:1"));
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
}

TEST_F(DaemonFlagsTest, CheckIsAMode) {
  std::vector<std::string> args = complete_;
  args.emplace_back("--check");
  const auto read = ReadDaemonFlags(args, out_, err_);
  EXPECT_EQ(std::get<DaemonOrder>(read).mode, DaemonMode::kCheck);
}

TEST_F(DaemonFlagsTest, HelpEndsWithAnExample) {
  EXPECT_EQ(ExitCode({"--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("--mover-credentials"), HasSubstr("Examples:")));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(DaemonFlagsTest, TheVersionIsTold) {
  EXPECT_EQ(ExitCode({"--version"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("meshwardend 0.1.0"));
}

TEST_F(DaemonFlagsTest, WrongUsageIsTwo) {
  EXPECT_EQ(ExitCode({"--no-such-flag"}), 2);
  EXPECT_EQ(ExitCode({"--in-flight", "many"}), 2);
  EXPECT_EQ(ExitCode({"stray"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("meshwardend --help shows an example"));
}

TEST_F(DaemonFlagsTest, AnIncompleteConfigurationIsOne) {
  EXPECT_EQ(ExitCode({"--space", "main"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("the configuration lacks credentials (--credentials)"));
}

TEST_F(DaemonFlagsTest, BadValuesOfFlagsAreRefusedAsInTheFile) {
  const auto refused = [this](const std::string& flag, const std::string& value) {
    std::vector<std::string> args = complete_;
    args.insert(args.end(), {flag, value});
    return ExitCode(args) == 1;
  };
  EXPECT_TRUE(refused("--log-level", "loud"));
  EXPECT_TRUE(refused("--server", "http://x"));
  EXPECT_TRUE(refused("--in-flight", "0"));
  EXPECT_TRUE(refused("--waiting", "65537"));
  EXPECT_TRUE(refused("--tls-cert", "c.pem"));
}

TEST_F(DaemonFlagsTest, AFileThatIsNotThereIsOne) {
  EXPECT_EQ(ExitCode({"--config", "/nowhere/x.yaml"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("/nowhere/x.yaml"));
}

}  // namespace
}  // namespace meshwarden::daemon_flags_test
