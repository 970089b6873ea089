// The command line as an operator and a launcher use it: real programs against a real broker.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status_matchers.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "provisioning/records/record_keeper.h"
#include "tests/support/eventually.h"
#include "tests/support/mesh.h"
#include "tests/support/meshwarden_command.h"

namespace meshwarden::testing::cli_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  bob: { role: reviewer, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general] }
)";

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy)); }

  Finished Run(std::vector<std::string> arguments) { return RunMeshwarden(*mesh_, std::move(arguments)); }
  Finished Provision(const std::string& out, const std::vector<std::string>& more = {},
                     const std::string& creds = "creds/setup.creds") {
    std::vector<std::string> arguments = {"provision", "bob",
                                          "--policy",  mesh_->directory() + "/policy.yaml",
                                          "--issuer",  mesh_->PathOf("issuer.json"),
                                          "--creds",   mesh_->PathOf(creds),
                                          "--out",     out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  // The one JSON object among the lines that a program printed.
  static Json ObjectIn(const std::string& output) {
    const std::size_t begin = output.find('{');
    EXPECT_NE(begin, std::string::npos) << output;
    return *ParseJsonObject(output.substr(begin, output.find('\n', begin) - begin), {});
  }

  std::unique_ptr<Mesh> mesh_;
};

TEST_F(CliTest, ProvisionedCredsConnectAndAreTheOwnersAlone) {
  const std::string out = mesh_->directory() + "/bob.creds";
  const Finished finished = Provision(out);
  ASSERT_EQ(finished.exit_code, 0) << finished.output;
  struct stat info {};
  ASSERT_EQ(::stat(out.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  MW_ASSERT_OK_AND_ASSIGN(Creds creds, Creds::Load(out));
  EXPECT_EQ(ObjectIn(finished.output).at("id"), creds.id());
  EXPECT_EQ(*mesh_->FiltersOf(creds.id()), FiltersFor({"general"}));
  EXPECT_THAT(mesh_->Connect(std::make_shared<const Creds>(std::move(creds))), IsOk());
}

TEST_F(CliTest, SeveralServersMayBeNamed) {
  const std::string dead = "nats://127.0.0.1:1";
  const std::string out = mesh_->directory() + "/bob.creds";
  EXPECT_EQ(Provision(out, {"--server", dead + "," + mesh_->url()}).exit_code, 0);
  EXPECT_EQ(Provision(out, {"--server", dead, "--server", mesh_->url()}).exit_code, 0);
}

TEST_F(CliTest, AServerThatIsNotThereYetIsWaitedFor) {
  ASSERT_THAT(mesh_->broker().Kill(), IsOk());
  const std::vector<std::string> setup = {"space", "setup", "--creds", mesh_->PathOf("creds/setup.creds")};
  EXPECT_EQ(Run(setup).exit_code, 1);
  ProcessOptions waiting;
  waiting.argv = setup;
  waiting.argv.insert(waiting.argv.begin(), Runfile("manager/meshwarden"));
  waiting.argv.insert(waiting.argv.end(), {"--server", mesh_->url(), "--wait", "20s"});
  MW_ASSERT_OK_AND_ASSIGN(const auto command, Process::Start(waiting));
  // Long enough for it to have begun to wait; if it has not, it finds the server at once.
  EXPECT_FALSE(Eventually([] { return false; }, std::chrono::milliseconds(500)));
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_THAT(command->Wait(kPatience), IsOkAndHolds(0)) << command->Output();
}

TEST_F(CliTest, ProvisioningTwiceIsANoOp) {
  const std::string out = mesh_->directory() + "/bob.creds";
  const Json first = ObjectIn(Provision(out).output);
  const Finished again = Provision(out);
  ASSERT_EQ(again.exit_code, 0) << again.output;
  const Json second = ObjectIn(again.output);
  EXPECT_EQ(first.at("created"), true);
  EXPECT_EQ(second.at("created"), false);
  EXPECT_EQ(second.at("id"), first.at("id"));
}

TEST_F(CliTest, AnOutputThatCannotBeWrittenIsToldBeforeAnythingMoves) {
  const auto stored = [&] {
    return mesh_->root_api().GetStream(BucketStream(AgentBucket("main")))->last_seq;
  };
  const std::uint64_t before = stored();
  const Finished finished = Provision(mesh_->directory() + "/nowhere/bob.creds");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, HasSubstr("--out: cannot write"));
  EXPECT_EQ(stored(), before);
  EXPECT_EQ(mesh_->root_api().GetStream(ChatStream("main"))->consumers, 0U);
}

TEST_F(CliTest, WhatAStoppedRunHasBegunIsFinishedByTheSameCommand) {
  const std::string out = mesh_->directory() + "/bob.creds";
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  const std::string id = user.public_key().text();
  ASSERT_THAT(WriteFile(out + ".begun", user.Seed().ExposeText(), {}), IsOk());
  ASSERT_THAT(
      mesh_->records().Begin({.id = id, .agent = "bob", .provisioned_at = {}, .state = RecordState::kBegun}),
      IsOk());
  const Finished finished = Provision(out);
  ASSERT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(ObjectIn(finished.output).at("id"), id);
  EXPECT_EQ(mesh_->records().Read(id)->state, RecordState::kLive);
  EXPECT_THAT(ReadFile(out + ".begun", 100), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CliTest, WhatWasBegunForAnotherAgentIsNamedWithItsFile) {
  const std::string out = mesh_->directory() + "/bob.creds";
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  const std::string id = user.public_key().text();
  ASSERT_THAT(WriteFile(out + ".begun", user.Seed().ExposeText(), {}), IsOk());
  ASSERT_THAT(
      mesh_->records().Begin({.id = id, .agent = "eve", .provisioned_at = {}, .state = RecordState::kBegun}),
      IsOk());
  const Finished finished = Provision(out);
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, AllOf(HasSubstr("begun agent \"eve\""), HasSubstr(out + ".begun"),
                                     HasSubstr("another --out"), Not(HasSubstr("same command"))));
}

TEST_F(CliTest, WhoeverMayNotProvisionIsNotToldThatTheSameCommandHelps) {
  const std::string out = mesh_->directory() + "/bob.creds";
  const Finished finished = Provision(out, {}, "creds/observer.creds");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, Not(HasSubstr("same command")));
  // With the right ones it does.
  EXPECT_EQ(Provision(out).exit_code, 0);
}

TEST_F(CliTest, SettingASpaceUpAgainIsANoOp) {
  const Finished finished =
      Run({"space", "setup", "--space", "main", "--creds", mesh_->PathOf("creds/setup.creds")});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(CliTest, MistakesAreToldWithWhatToDo) {
  const std::string out = mesh_->directory() + "/x.creds";
  const Finished foreign = Provision(out, {"--subscribe", "general,secret"});
  EXPECT_EQ(foreign.exit_code, 1);
  EXPECT_THAT(foreign.output, HasSubstr("secret"));
  EXPECT_THAT(ReadFile(out, 10), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ReadFile(out + ".begun", 100), StatusIs(absl::StatusCode::kNotFound));
  const Finished wrong_creds =
      Run({"space", "setup", "--space", "main", "--creds", mesh_->PathOf("creds/observer.creds")});
  EXPECT_EQ(wrong_creds.exit_code, 1);
  EXPECT_EQ(Run({"provision"}).exit_code, 2);
}

}  // namespace
}  // namespace meshwarden::testing::cli_test
