// For whom a durable is made anew, on a broker without authentication.
#include "manager/watch/watch_repairs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "policy/loader.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "tests/support/broker.h"

namespace meshwarden::watch_repairs_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::HasSubstr;

constexpr std::chrono::milliseconds kTimeout{5'000};

std::string NewId() { return KeyPair::Generate(NkeyKind::kUser)->public_key().text(); }

class WatchRepairsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    policy_ = ParsePolicy(fmt::format("version: 1\nspace: main\nagents:\n"
                                      "  bob: {{ subscribe: [general] }}\n"
                                      "  boss: {{ id: {}, subscribe: [general] }}\n",
                                      boss_),
                          "policy.yaml")
                  .policy;
    ASSERT_NE(policy_, nullptr);
  }
  // What the record of the asked id says.
  WatchRepairs Repairs(absl::StatusOr<AgentRecord> record) {
    return WatchRepairs(
        {.api = *api_, .space = "main", .policy = policy_, .read_record = [this, record](const std::string&) {
           ++reads_;
           return record;
         }});
  }
  static AgentRecord Record(const std::string& agent, RecordState state = RecordState::kLive) {
    AgentRecord record;
    record.agent = agent;
    record.state = state;
    return record;
  }
  void CreateStreams() {
    for (const StreamConfig& stream : SpaceStreams("main", 1))
      ASSERT_THAT(api_->CreateStream(stream), IsOk());
  }
  LostChatDurable Lost() const { return {.space = "main", .id = id_, .known = nullptr, .lost_at = {}}; }
  bool IsThere() { return api_->GetConsumer(ChatStream("main"), ChatDurable(id_)).ok(); }

  const std::string id_ = NewId();
  const std::string boss_ = NewId();
  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::shared_ptr<const Policy> policy_;
  int reads_ = 0;
};

TEST_F(WatchRepairsTest, AnAgentIsOneByItsLiveRecordAndTodaysPolicy) {
  MW_ASSERT_OK_AND_ASSIGN(const AgentPolicy* const bob, Repairs(Record("bob")).AgentOf(id_));
  EXPECT_EQ(bob->name, "bob");
  EXPECT_THAT(Repairs(Record("eve")).AgentOf(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Repairs(absl::NotFoundError("none")).AgentOf(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Repairs(absl::DataLossError("damaged")).AgentOf(id_), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(WatchRepairsTest, OneWhoseRecordIsNotLiveIsNone) {
  for (const RecordState state :
       {RecordState::kBegun, RecordState::kLeaving, RecordState::kGone, RecordState::kRevoked}) {
    EXPECT_THAT(Repairs(Record("bob", state)).AgentOf(id_),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(std::string(NameOf(state)))));
  }
}

TEST_F(WatchRepairsTest, APinnedAgentIsItsIdAndNobodyElse) {
  EXPECT_THAT(Repairs(Record("boss")).AgentOf(id_), StatusIs(absl::StatusCode::kNotFound));
  AgentRecord of_boss = Record("bob");
  of_boss.id = boss_;
  MW_ASSERT_OK_AND_ASSIGN(const AgentPolicy* const boss, Repairs(of_boss).AgentOf(boss_));
  EXPECT_EQ(boss->name, "boss");
}

TEST_F(WatchRepairsTest, OnlyWhatIsGoneIsMadeAnewAndOnlyForAnAgent) {
  ASSERT_NO_FATAL_FAILURE(CreateStreams());
  EXPECT_THAT(Repairs(Record("eve")).MakeAnew(Lost()), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(IsThere());
  EXPECT_THAT(Repairs(Record("bob")).MakeAnew(Lost()), IsOk());
  EXPECT_TRUE(IsThere());
  EXPECT_THAT(Repairs(Record("bob")).MakeAnew(Lost()), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(WatchRepairsTest, WhereItCannotBeSeenWhetherItIsGoneNothingIsDone) {
  ASSERT_NO_FATAL_FAILURE(CreateStreams());
  ASSERT_THAT(broker_->Kill(), IsOk());
  const auto anew = Repairs(Record("bob")).MakeAnew(Lost());
  EXPECT_FALSE(anew.ok());
  EXPECT_FALSE(absl::IsNotFound(anew.status())) << "that would say that it is nobody's";
  EXPECT_EQ(reads_, 0);
}

}  // namespace
}  // namespace meshwarden::watch_repairs_test
