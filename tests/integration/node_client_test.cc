// An independent client (tests/node/peer.mjs, on the NATS project's JavaScript packages) with our creds
// files.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::node_client_test {
namespace {

using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  alice: { role: planner, subscribe: [general], allowPublish: [general, team.>] }
  bob: { role: reviewer, subscribe: [general], allowSubscribe: [general, team.backend], allowPublish: [general] }
)";

struct Step {
  bool ok = false;
  std::string detail;
};

class NodeClient : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  }

  std::string CredsFile(const std::string& agent) {
    const absl::StatusOr<TestAgent> provisioned = mesh_->Provision(agent);
    EXPECT_THAT(provisioned, IsOk());
    const std::string path = fmt::format("{}/{}.creds", mesh_->directory(), agent);
    EXPECT_THAT(provisioned->creds->Save(path, IfExists::kFail), IsOk());
    return path;
  }

  // Runs the script beside its packages and returns what it reported, by step.
  std::map<std::string, Step> RunPeer(const std::string& alice, const std::string& bob) {
    const std::string script = mesh_->directory() + "/peer.mjs";
    std::filesystem::copy_file(Runfile("tests/node/peer.mjs"), script);
    std::filesystem::create_directory_symlink(
        std::filesystem::canonical(Runfile("external/node_peer/node_modules")),
        mesh_->directory() + "/node_modules");
    const absl::StatusOr<Finished> finished =
        RunProgram({.argv = {"/usr/bin/env", "node", script, mesh_->url(), "main", alice, bob},
                    .environment = {},
                    .directory = ""},
                   std::chrono::seconds(60));
    EXPECT_THAT(finished, IsOk());
    EXPECT_EQ(finished->exit_code, 0) << finished->output;
    std::map<std::string, Step> steps;
    std::istringstream lines(finished->output);
    for (std::string line; std::getline(lines, line);) {
      const absl::StatusOr<Json> json = ParseJsonObject(line, {});
      if (!json.ok()) continue;
      steps[json->at("step").get<std::string>()] = {json->at("ok").get<bool>(),
                                                    json->at("detail").get<std::string>()};
    }
    return steps;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
};

TEST_F(NodeClient, BindsReceivesIsDeniedAndMovesItsChannels) {
  const std::string alice = CredsFile("alice");
  const std::string bob = CredsFile("bob");
  std::map<std::string, Step> steps = RunPeer(alice, bob);
  EXPECT_THAT(steps["chat"].detail, HasSubstr(".general hello"));
  EXPECT_THAT(steps["dm"].detail, HasSubstr("psst"));
  EXPECT_THAT(steps["task"].detail, HasSubstr("cotal.main.svc.reviewer."));
  EXPECT_TRUE(steps["presence"].ok) << steps["presence"].detail;
  for (const std::string step : {"publish as another", "publish off policy", "read another's inbox",
                                 "subscribe to the space", "widen one's own durable"}) {
    EXPECT_TRUE(steps[step].ok) << step << ": " << steps[step].detail;
  }
  EXPECT_EQ(steps["setChannels granted"].detail,
            R"({"ok":true,"data":{"channels":["general","team.backend"]}})");
  EXPECT_THAT(steps["joined"].detail, HasSubstr("after the join"));
  EXPECT_FALSE(steps["setChannels refused"].ok);
  EXPECT_THAT(steps["setChannels refused"].detail,
              HasSubstr(R"(channel \"secret\" is not within allowSubscribe [general, team.backend])"));
  EXPECT_THAT(steps["setChannels forged"].detail, HasSubstr("sender mismatch — request rejected"));
}

}  // namespace
}  // namespace meshwarden::testing::node_client_test
