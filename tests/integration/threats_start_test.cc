// A policy that became narrower while no manager ran: row T29 of the threat model, with its control case.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::threats_start_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kWide[] = R"(
  ada: { subscribe: [general], allowSubscribe: [general, "team.>", ops] }
  bob: { subscribe: [general, ops] }
)";

class StartThreats : public ::testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void Start(const std::string& agents) {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start("version: 1\nspace: main\nagents:" + agents));
    MW_ASSERT_OK_AND_ASSIGN(ada_, mesh_->Provision("ada"));
    MW_ASSERT_OK_AND_ASSIGN(bob_, mesh_->Provision("bob"));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  }
  void StopManager() {
    manager_->Signal(SIGTERM);
    ASSERT_TRUE(manager_->Wait(kPatience).ok());
  }
  // One under another policy, when it has said that it is ready; what it has moved by then is what counts.
  void StartUnder(const std::string& agents) {
    const std::string path = mesh_->directory() + "/other.yaml";
    ASSERT_THAT(
        WriteFile(path, "version: 1\nspace: main\nagents:" + agents, {.if_exists = IfExists::kReplace}),
        IsOk());
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->LaunchManager({"--policy", path}));
    ASSERT_THAT(manager_->WaitForOutput("ready", kPatience), IsOk());
  }
  std::vector<std::string> FiltersOf(const TestAgent& agent) {
    const auto filters = mesh_->FiltersOf(agent.id);
    EXPECT_THAT(filters, IsOk());
    return filters.value_or(std::vector<std::string>());
  }
  bool MaySet(TestAgent& agent, const std::vector<std::string>& channels) {
    const absl::StatusOr<ControlReply> reply = SetChannels(agent, channels);
    EXPECT_THAT(reply, IsOk());
    return reply.ok() && reply->ok;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  TestAgent ada_;
  TestAgent bob_;
};

TEST_F(StartThreats, T29_WhatTheSamePolicyAllowsStays) {
  Start(kWide);
  ASSERT_TRUE(MaySet(ada_, {"team.>", "ops"}));
  StopManager();
  StartUnder(kWide);
  EXPECT_EQ(FiltersOf(ada_), FiltersFor({"team.>", "ops"}));
  EXPECT_EQ(FiltersOf(bob_), FiltersFor({"general", "ops"}));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("is cut back")));
}

TEST_F(StartThreats, T29_AFilterIsCutBackBeforeTheManagerIsReady) {
  Start(kWide);
  ASSERT_TRUE(MaySet(ada_, {"team.>", "ops"}));
  StopManager();
  StartUnder(R"(
  ada: { subscribe: [general], allowSubscribe: [general, team.backend] }
  bob: { subscribe: [general] }
)");
  EXPECT_EQ(FiltersOf(ada_), FiltersFor({"team.backend"}));
  EXPECT_EQ(FiltersOf(bob_), FiltersFor({"general"}));
}

TEST_F(StartThreats, T29_WhoMayReadNothingAnyMoreReadsNothing) {
  Start(kWide);
  ASSERT_TRUE(MaySet(ada_, {"ops"}));
  StopManager();
  StartUnder(R"(
  ada: { subscribe: [general], allowSubscribe: [general] }
)");
  // Ada may read nothing of what it read; the policy does not know bob at all.
  EXPECT_THAT(FiltersOf(ada_), ElementsAre(ParkedChatSubject("main")));
  EXPECT_THAT(FiltersOf(bob_), ElementsAre(ParkedChatSubject("main")));
  ASSERT_THAT(mesh_->root().Request("cotal.main.chat." + ada_.id + ".ops", "unread", kPatience), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto read, Receive(bob_, "CHAT_main", ChatDurable(bob_.id)));
  EXPECT_THAT(read, IsEmpty());
  // What is allowed can be asked for.
  EXPECT_TRUE(MaySet(ada_, {"general"}));
  EXPECT_EQ(FiltersOf(ada_), FiltersFor({"general"}));
  EXPECT_FALSE(MaySet(bob_, {"general"}));
  // Whoever is provisioned again, under a policy that has it, reads again what it read at birth.
  ASSERT_THAT(mesh_->ProvisionId("bob", bob_.id), IsOk());
  EXPECT_EQ(FiltersOf(bob_), FiltersFor({"general", "ops"}));
}

TEST_F(StartThreats, T29_ADurableWithoutARecordIsLeftAlone) {
  Start(kWide);
  StopManager();
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair other, KeyPair::Generate(NkeyKind::kUser));
  const std::string id = other.public_key().text();
  const std::vector<std::string> channels = {"ops"};
  ASSERT_THAT(Privileged(mesh_->root_api(), "main").ProvisionChatDurable(id, channels), IsOk());
  StartUnder(R"(
  ada: { subscribe: [general] }
)");
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> filters, mesh_->FiltersOf(id));
  EXPECT_EQ(filters, FiltersFor({"ops"}));
  EXPECT_THAT(manager_->WaitForOutput("unknown=1", kPatience), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::threats_start_test
