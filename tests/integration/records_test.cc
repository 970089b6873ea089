// Agents' records on a real broker: out of reach of what an agent can aim (row T25 of the threat model),
// damaged ones told as damaged, and those of an earlier version served before they are moved, while and
// after.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_token.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "proto/names.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_bucket.h"
#include "provisioning/records/record_keys.h"
#include "tests/support/mesh.h"
#include "tests/support/meshwarden_command.h"

namespace meshwarden::testing::records_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  mallory: { subscribe: [general], allowSubscribe: [general], allowPublish: [general] }
  victim: { subscribe: [general], allowSubscribe: [general, secret], allowPublish: [general] }
  bystander: { subscribe: [general], allowSubscribe: [general, secret], allowPublish: [general] }
)";
constexpr char kHardenAdvice[] = "keeps its records as an earlier version did; run meshwarden space harden";
constexpr char kSetupAdvice[] = "run meshwarden space setup";

// What an earlier version wrote.
std::string EarlierRecord(const std::string& id, const std::string& agent) {
  return fmt::format(R"({{"id":"{}","agent":"{}","provisionedAt":1800000000000}})", id, agent);
}

std::string OfVersion3(std::string record) {
  const std::size_t version = record.find(R"("v":2)");
  EXPECT_NE(version, std::string::npos);
  return record.replace(version, 5, R"("v":3)");
}

class RecordsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (manager_ == nullptr) return;
    const std::string& token = mesh_->secrets().records;
    if (!token.empty()) {
      EXPECT_THAT(manager_->Output(), Not(HasSubstr(token)));
    }
    if (HasFailure()) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void StartMesh(Mesh::Made made) {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy, made));
    bucket_ = std::make_unique<RecordBucket>(mesh_->root_api(), "main");
    keys_ = std::make_unique<RecordKeys>(mesh_->secrets().records);
  }
  void Harden() {
    ASSERT_THAT(mesh_->Harden(), IsOk());
    bucket_ = std::make_unique<RecordBucket>(mesh_->root_api(), "main");
    keys_ = std::make_unique<RecordKeys>(mesh_->secrets().records);
  }
  // One that remembers nothing.
  void StartManager() {
    manager_.reset();
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  }

  Finished Run(std::vector<std::string> arguments) { return RunMeshwarden(*mesh_, std::move(arguments)); }
  Finished RunSetup() { return Run({"space", "setup", "--creds", mesh_->PathOf("creds/setup.creds")}); }
  Finished RunProvision(const std::string& out) {
    return Run({"provision", "victim", "--policy", mesh_->directory() + "/policy.yaml", "--issuer",
                mesh_->PathOf("issuer.json"), "--creds", mesh_->PathOf("creds/setup.creds"), "--out", out});
  }

  // Puts `value` under `key`, whatever is there.
  void Put(const std::string& key, const std::string& value) {
    MW_ASSERT_OK_AND_ASSIGN(const StoredKey before, bucket_->Get(key));
    ASSERT_THAT(bucket_->Put(key, value, before.revision), IsOkAndHolds(true));
  }
  // An agent that an earlier version provisioned, record and all.
  TestAgent ProvisionEarlier(const std::string& agent) {
    absl::StatusOr<TestAgent> provisioned = mesh_->Provision(agent);
    EXPECT_THAT(provisioned, IsOk());
    Put(provisioned->id, EarlierRecord(provisioned->id, agent));
    return *std::move(provisioned);
  }

  static ControlReply Ask(TestAgent& agent, const std::vector<std::string>& channels) {
    const absl::StatusOr<ControlReply> reply = SetChannels(agent, channels);
    EXPECT_THAT(reply, IsOk());
    return reply.value_or(ControlReply{});
  }
  void ExpectServedAsVictim(TestAgent& agent) {
    const ControlReply reply = Ask(agent, {"general", "secret"});
    EXPECT_TRUE(reply.ok) << reply.error;
    EXPECT_EQ(*mesh_->FiltersOf(agent.id), FiltersFor({"general", "secret"}));
  }
  static std::string CodeFor(TestAgent& agent, const std::vector<std::string>& channels) {
    const ControlReply reply = Ask(agent, channels);
    return reply.ok ? "ok" : reply.code;
  }

  // What an agent can make the broker write at a key where the agent itself may not: the answer to a post of
  // its own, and the empty status that ends a pull.
  void AimAnswer(TestAgent& agent, const std::string& key) {
    MW_ASSERT_OK_AND_ASSIGN(const StoredKey before, bucket_->Get(key));
    ASSERT_THAT(agent.connection->PublishRequest(fmt::format("cotal.main.chat.{}.general", agent.id),
                                                 BucketSubject(AgentBucket("main"), key), "post"),
                IsOk());
    ExpectWritten(key, before.revision);
  }
  void AimStatus(TestAgent& agent, const std::string& key) {
    MW_ASSERT_OK_AND_ASSIGN(const StoredKey before, bucket_->Get(key));
    ASSERT_THAT(agent.connection->PublishRequest(PullSubject(agent), BucketSubject(AgentBucket("main"), key),
                                                 R"({"batch":1,"no_wait":true})"),
                IsOk());
    ExpectWritten(key, before.revision);
  }
  // A body of its choice gets into the bucket's stream, but under the subject that it was posted on.
  void AimBody(TestAgent& agent, const std::string& body, const std::string& key) {
    const std::string post = fmt::format("cotal.main.chat.{}.general", agent.id);
    ASSERT_THAT(agent.connection->Request(post, body, kPatience), IsOk());
    ASSERT_THAT(agent.connection->PublishRequest(PullSubject(agent), BucketSubject(AgentBucket("main"), key),
                                                 R"({"batch":1})"),
                IsOk());
    const std::string stream = BucketStream(AgentBucket("main"));
    EXPECT_TRUE(Eventually([&] {
      const absl::StatusOr<StoredMessage> stored = mesh_->root_api().LastMessage(stream, post);
      return stored.ok() && stored->payload == body;
    }));
  }
  static std::string PullSubject(const TestAgent& agent) {
    return fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", ChatStream("main"), ChatDurable(agent.id));
  }
  void ExpectWritten(const std::string& key, std::uint64_t before) {
    EXPECT_TRUE(Eventually([&] { return bucket_->Get(key)->revision > before; })) << key;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<RecordBucket> bucket_;  // the test's own hands
  std::unique_ptr<RecordKeys> keys_;
  std::unique_ptr<Process> manager_;
};

TEST_F(RecordsTest, T25_WhatIsAimedAtRecordsIsNotBelieved) {
  StartMesh(Mesh::Made::kToday);
  MW_ASSERT_OK_AND_ASSIGN(TestAgent mallory, mesh_->Provision("mallory"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent victim, mesh_->Provision("victim"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bystander, mesh_->Provision("bystander"));
  // One who has a credential and no record, and one whose whole record is of a version that is to come.
  MW_ASSERT_OK_AND_ASSIGN(TestAgent stranger, mesh_->Provision("victim"));
  MW_ASSERT_OK_AND_ASSIGN(TestAgent later, mesh_->Provision("victim"));
  ASSERT_THAT(bucket_->Delete(keys_->Record(stranger.id)), IsOk());
  ASSERT_THAT(mesh_->root_api().PurgeStream(BucketStream(AgentBucket("main")),
                                            BucketSubject(AgentBucket("main"), keys_->Record(stranger.id))),
              IsOk());
  Put(stranger.id, EarlierRecord(stranger.id, "victim"));
  Put(keys_->Record(later.id), OfVersion3(*bucket_->Get(keys_->Record(later.id))->value));
  Put(later.id, EarlierRecord(later.id, "victim"));
  AimBody(mallory, EarlierRecord(mallory.id, "victim"), mallory.id);
  AimStatus(mallory, bystander.id);
  AimAnswer(mallory, victim.id);
  // As whoever kept a setup credential of before the move could.
  Put(mallory.id, EarlierRecord(mallory.id, "victim"));
  for (int round = 0; round < 2; ++round) {
    StartManager();
    EXPECT_EQ(CodeFor(mallory, {"secret"}), "not_allowed");
    EXPECT_EQ(CodeFor(mallory, {"general"}), "ok");
    ExpectServedAsVictim(victim);
    ExpectServedAsVictim(bystander);
    EXPECT_EQ(CodeFor(stranger, {"general"}), "unknown_agent");
    EXPECT_EQ(CodeFor(later, {"general"}), "record_damaged");
    // Nor is what was aimed moved to where it would be believed.
    const Finished setup = RunSetup();
    EXPECT_EQ(setup.exit_code, 0) << setup.output;
  }
  EXPECT_EQ(*mesh_->FiltersOf(mallory.id), FiltersFor({"general"}));
}

// The attempts above do what they are to do, where nothing keeps them from it.
TEST_F(RecordsTest, T25_Control_InASpaceOfAnEarlierVersionTheyReachTheRecords) {
  StartMesh(Mesh::Made::kByAnEarlierVersion);
  TestAgent mallory = ProvisionEarlier("mallory");
  TestAgent victim = ProvisionEarlier("victim");
  TestAgent bystander = ProvisionEarlier("bystander");
  AimStatus(mallory, bystander.id);
  AimAnswer(mallory, victim.id);
  Put(mallory.id, EarlierRecord(mallory.id, "victim"));
  StartManager();
  ExpectServedAsVictim(mallory);
  EXPECT_EQ(CodeFor(victim, {"general"}), "record_damaged");
  EXPECT_EQ(CodeFor(bystander, {"general"}), "record_damaged");
}

TEST_F(RecordsTest, T25_ADamagedRecordIsToldByAllWhoReadIt) {
  StartMesh(Mesh::Made::kToday);
  const std::string out = mesh_->directory() + "/victim.creds";
  ASSERT_EQ(RunProvision(out).exit_code, 0);
  MW_ASSERT_OK_AND_ASSIGN(TestAgent victim, mesh_->Provision("victim"));
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Load(out));
  for (const std::string& id : {victim.id, creds.id()}) Put(keys_->Record(id), R"({"v":3})");
  StartManager();
  const ControlReply reply = Ask(victim, {"general", "secret"});
  EXPECT_EQ(reply.code, "record_damaged");
  EXPECT_THAT(reply.error, HasSubstr("the record of " + victim.id + " is damaged"));
  EXPECT_EQ(*mesh_->FiltersOf(victim.id), FiltersFor({"general"}));
  EXPECT_THAT(manager_->WaitForOutput("the record of an agent is damaged id=" + victim.id, kPatience),
              IsOk());
  EXPECT_THAT(mesh_->ProvisionId("victim", victim.id), StatusIs(absl::StatusCode::kDataLoss));
  const Finished again = RunProvision(out);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output,
              AllOf(HasSubstr("the record of " + creds.id() + " is damaged"), HasSubstr("new identity")));
  EXPECT_EQ(bucket_->Get(keys_->Record(victim.id))->value, R"({"v":3})");
}

TEST_F(RecordsTest, AFreshSpaceNeedsNothingMore) {
  StartMesh(Mesh::Made::kToday);
  StartManager();
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kHardenAdvice)));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kSetupAdvice)));
}

TEST_F(RecordsTest, RecordsOfAnEarlierVersionAreServedBeforeTheMoveAndAfter) {
  StartMesh(Mesh::Made::kByAnEarlierVersion);
  TestAgent victim = ProvisionEarlier("victim");
  StartManager();
  EXPECT_THAT(manager_->Output(), HasSubstr(kHardenAdvice));
  ExpectServedAsVictim(victim);

  ASSERT_NO_FATAL_FAILURE(Harden());
  StartManager();
  EXPECT_THAT(manager_->Output(), AllOf(HasSubstr(kSetupAdvice), Not(HasSubstr(kHardenAdvice))));
  ExpectServedAsVictim(victim);
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bystander, mesh_->Provision("bystander"));
  ExpectServedAsVictim(bystander);

  MW_ASSERT_OK_AND_ASSIGN(TestAgent damaged, mesh_->Provision("bystander"));
  ASSERT_THAT(mesh_->root_api().PurgeStream(BucketStream(AgentBucket("main")),
                                            BucketSubject(AgentBucket("main"), keys_->Record(damaged.id))),
              IsOk());
  Put(damaged.id, "junk");
  const Finished setup = RunSetup();
  EXPECT_EQ(setup.exit_code, 0) << setup.output;
  EXPECT_THAT(setup.output, HasSubstr("1 records of agents lie under the space's secret token now"));
  EXPECT_THAT(setup.output,
              AllOf(HasSubstr("warning: 1 records of agents are damaged"), HasSubstr(damaged.id)));
  EXPECT_THAT(setup.output, Not(HasSubstr(mesh_->secrets().records)));
  EXPECT_EQ(bucket_->Get(victim.id)->value, std::nullopt);
  ExpectServedAsVictim(victim);
  StartManager();
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kSetupAdvice)));
  ExpectServedAsVictim(victim);
  ExpectServedAsVictim(bystander);
  EXPECT_THAT(mesh_->ProvisionId("victim", victim.id), IsOk());
  // Damaged is neither absent nor free, also after the move.
  EXPECT_EQ(CodeFor(damaged, {"general"}), "record_damaged");
  EXPECT_THAT(mesh_->ProvisionId("victim", damaged.id), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RecordsTest, ASetupThatWasKilledHalfWayIsEndedByTheNext) {
  StartMesh(Mesh::Made::kByAnEarlierVersion);
  TestAgent victim = ProvisionEarlier("victim");
  TestAgent bystander = ProvisionEarlier("bystander");
  TestAgent mallory = ProvisionEarlier("mallory");
  ASSERT_NO_FATAL_FAILURE(Harden());
  StartManager();
  // One was moved whole, of one the marker is missing, one was not reached.
  for (const auto& [agent, name] : {std::pair(&victim, "victim"), std::pair(&bystander, "bystander")}) {
    Put(keys_->Record(agent->id),
        EncodeAgentRecord({.id = agent->id, .agent = name, .provisioned_at = SystemTime{}}));
  }
  ASSERT_THAT(bucket_->Delete(victim.id), IsOk());
  for (int round = 0; round < 2; ++round) {
    ExpectServedAsVictim(victim);
    ExpectServedAsVictim(bystander);
    EXPECT_EQ(CodeFor(mallory, {"general"}), "ok");
    EXPECT_EQ(CodeFor(mallory, {"secret"}), "not_allowed");
    const Finished setup = RunSetup();
    EXPECT_EQ(setup.exit_code, 0) << setup.output;
    StartManager();
  }
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kSetupAdvice)));
}

TEST_F(RecordsTest, CredentialsOfBeforeTheMoveAreRefusedWithWhatToDo) {
  StartMesh(Mesh::Made::kByAnEarlierVersion);
  TestAgent victim = ProvisionEarlier("victim");
  StartManager();
  ExpectServedAsVictim(victim);
  Put(RecordKeys(MakeSecretToken()).Moved(), "{}");
  EXPECT_THAT(mesh_->ProvisionId("victim", victim.id), StatusIs(absl::StatusCode::kPermissionDenied));
  const std::string out = mesh_->directory() + "/victim.creds";
  const Finished provision = RunProvision(out);
  EXPECT_EQ(provision.exit_code, 1);
  EXPECT_THAT(provision.output, HasSubstr("use the credential that `meshwarden space init` or, last, "
                                          "`meshwarden space harden` wrote"));
  StartManager();
  EXPECT_THAT(manager_->Output(), HasSubstr("mover_credentials are of an earlier version"));
  EXPECT_EQ(CodeFor(victim, {"general"}), "internal");
  EXPECT_EQ(*mesh_->FiltersOf(victim.id), FiltersFor({"general", "secret"}));
}

}  // namespace
}  // namespace meshwarden::testing::records_test
