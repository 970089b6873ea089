// Provisionings that meet, that find what somebody else has made, and that fail half way.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/fetch.h"
#include "endpoint/space/privileged.h"
#include "provisioning/left_in_part.h"
#include "provisioning/provisioner.h"
#include "provisioning/provisioner_fixture.h"
#include "tests/support/interrupted_connection.h"

namespace meshwarden::provisioner_races_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

// Somebody else with a setup credential, on a connection of his own, which a test may interrupt.
struct Provisioner {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<testing::InterruptedConnection> interrupted;
  std::unique_ptr<JetStreamApi> api;
  std::unique_ptr<RecordKeeper> records;
};

// A clock that a test sets, also while somebody works by it.
class SetClock final : public Clock {
 public:
  SystemTime Now() const override { return now; }
  SystemTime now = kNow;
};

class ProvisionerRaces : public ProvisionerTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ProvisionerTest::SetUp());
    for (Provisioner& provisioner : both_) ASSERT_NO_FATAL_FAILURE(Enter(provisioner));
  }
  void Enter(Provisioner& provisioner) {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.creds = setup_;
    MW_ASSERT_OK_AND_ASSIGN(provisioner.connection, Connection::Open(std::move(options)));
    provisioner.interrupted = std::make_unique<testing::InterruptedConnection>(*provisioner.connection);
    provisioner.api = std::make_unique<JetStreamApi>(*provisioner.interrupted, kBrokerTimeout, secrets_.api);
    provisioner.records = std::make_unique<RecordKeeper>(*provisioner.api, kSpace, secrets_);
  }
  absl::StatusOr<ProvisionResult> ProvisionBy(Provisioner& provisioner, const std::string& agent,
                                              const std::string& id) {
    AgentPolicy worker = Agent("worker", {"general"}, {"general"});
    worker.role = role_;
    AgentPolicy planner = Agent("planner", {"plans"}, {"plans"});
    const auto policy = *Policy::Create(kSpace, "r1", {worker, planner});
    return ProvisionAgent({.api = *provisioner.api,
                           .records = *provisioner.records,
                           .policy = *policy,
                           .issuer = *issuer_,
                           .clock = clock_},
                          {.agent = agent, .id = id, .subscribe = std::nullopt});
  }
  std::string ChannelOf(const std::string& id) {
    const absl::StatusOr<ConsumerInfo> chat = Chat(id);
    return chat.ok() ? fmt::format("{}", fmt::join(chat->config.Filters(), " ")) : "none";
  }
  std::string RecordOf(const std::string& id) {
    const absl::StatusOr<AgentRecord> record = records_->Read(id);
    if (!record.ok()) return absl::StatusCodeToString(record.status().code());
    return fmt::format("{} {}", NameOf(record->state), record->agent);
  }
  // A DM durable that holds the mail of others, and so can't be put right.
  void SpoilInbox(const std::string& id) {
    ConsumerConfig wide = DmDurableConfig(kSpace, id);
    wide.filter_subject = "cotal.main.inst.*.*";
    ASSERT_THAT(root_api_->CreateConsumer(DmStream(kSpace), wide), IsOk());
    ASSERT_THAT(root_api_->PublishStored("cotal.main.inst.UB.UC", "", std::nullopt), IsOk());
    ASSERT_THAT(Fetch(*root_, DmStream(kSpace), DmDurable(id), {.max_messages = 1, .wait = kBrokerTimeout}),
                IsOk());
  }
  // Somebody whom nothing holds back.
  void EnterRoot() {
    MW_ASSERT_OK_AND_ASSIGN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
    MintOptions mint;
    mint.profile = Profile::kUnrestricted;
    mint.permissions.space = kSpace;
    MW_ASSERT_OK_AND_ASSIGN(Creds creds, MintCreds(*issuer_, mint, std::move(user), Clock::System()));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.creds = std::make_shared<const Creds>(std::move(creds));
    MW_ASSERT_OK_AND_ASSIGN(root_, Connection::Open(std::move(options)));
    root_api_ = std::make_unique<JetStreamApi>(*root_, kBrokerTimeout, secrets_.api);
  }

  SetClock clock_;
  std::array<Provisioner, 2> both_;
  Provisioner& one_ = both_[0];
  Provisioner& other_ = both_[1];
  std::optional<std::string> role_;
  std::unique_ptr<Connection> root_;
  std::unique_ptr<JetStreamApi> root_api_;
};

TEST_F(ProvisionerRaces, T27_WhoeverComesSecondForAnIdHasChangedNothing) {
  one_.interrupted->BeforeMessage([&] { EXPECT_THAT(ProvisionBy(other_, "planner", id_), IsOk()); });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_),
              StatusIs(kPrecondition, HasSubstr("recorded as agent \"planner\"")));
  EXPECT_EQ(RecordOf(id_), "live planner");
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.plans");
}

TEST_F(ProvisionerRaces, T27_WhatWasBegunForOneAgentIsNoOthers) {
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.DURABLE.CREATE", [&] {
    EXPECT_EQ(RecordOf(id_), "begun worker");
    EXPECT_THAT(ProvisionBy(other_, "planner", id_), StatusIs(kPrecondition));
    EXPECT_EQ(ChannelOf(id_), "none");
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), IsOk());
  EXPECT_EQ(RecordOf(id_), "live worker");
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
}

TEST_F(ProvisionerRaces, T27_AtTheSameMomentOneWinsWhole) {
  for (int round = 0; round < 6; ++round) {
    const std::string id = NewId();
    std::array<absl::StatusOr<ProvisionResult>, 2> results;
    std::barrier start(2);
    {
      std::array<std::jthread, 2> threads;
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        threads[i] = std::jthread([&, i] {
          start.arrive_and_wait();
          results[i] = ProvisionBy(both_[i], i == 0 ? "worker" : "planner", id);
        });
      }
    }
    ASSERT_NE(results[0].ok(), results[1].ok()) << results[0].status() << results[1].status();
    EXPECT_EQ(RecordOf(id), results[0].ok() ? "live worker" : "live planner");
    EXPECT_EQ(ChannelOf(id), results[0].ok() ? "cotal.main.chat.*.general" : "cotal.main.chat.*.plans");
  }
}

TEST_F(ProvisionerRaces, OneThatIsTakenOverForTheSameAgentEndsWell) {
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.CREATE.DM_main",
                                  [&] { EXPECT_THAT(ProvisionBy(other_, "worker", id_), IsOk()); });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), IsOk());
  EXPECT_EQ(RecordOf(id_), "live worker");
}

TEST_F(ProvisionerRaces, OneThatIsTakenOverHasNothingBeforeTheOtherHas) {
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.CREATE.DM_main", [&] {
    ASSERT_THAT(other_.records->Begin(
                    {.id = id_, .agent = "worker", .provisioned_at = kNow, .state = RecordState::kBegun}),
                IsOk());
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(absl::StatusCode::kAborted, HasSubstr("again")));
  EXPECT_EQ(RecordOf(id_), "begun worker");
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), IsOk());
}

TEST_F(ProvisionerRaces, ARevocationMeanwhileIsHeard) {
  ASSERT_THAT(ProvisionBy(one_, "worker", id_), IsOk());
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.INFO.DM_main", [&] {
    MW_ASSERT_OK_AND_ASSIGN(const StandingRecord live,
                            other_.records->Begin({.id = id_, .agent = "worker", .provisioned_at = kNow}));
    AgentRecord revoked = live.record;
    revoked.state = RecordState::kRevoked;
    ASSERT_THAT(other_.records->Replace(live, revoked), IsOk());
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kPrecondition, HasSubstr("revoked")));
}

TEST_F(ProvisionerRaces, T28_WhatIsPutInItsPlaceMeanwhileIsNotTaken) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  const std::string inbox = DmDurable(id_);
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.CREATE.DM_main", [&] {
    // The next look is the one after it was made.
    one_.interrupted->BeforeRequest("$JS.API.CONSUMER.INFO.DM_main", [&] {
      ASSERT_THAT(root_api_->DeleteConsumer(DmStream(kSpace), inbox), IsOk());
      ConsumerConfig wide = DmDurableConfig(kSpace, id_);
      wide.filter_subject = "cotal.main.inst.*.*";
      ASSERT_THAT(root_api_->CreateConsumer(DmStream(kSpace), wide), IsOk());
    });
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kPrecondition, HasSubstr("inst.*.*")));
  EXPECT_EQ(RecordOf(id_), "NOT_FOUND");
}

TEST_F(ProvisionerRaces, WhatIsRefusedHalfWayIsTakenBack) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  EXPECT_THAT(ProvisionBy(one_, "worker", id_),
              StatusIs(kPrecondition, AllOf(HasSubstr("dm_"), HasSubstr("inst.*.*"))));
  EXPECT_EQ(RecordOf(id_), "NOT_FOUND");
  EXPECT_EQ(ChannelOf(id_), "none");
  EXPECT_THAT(root_api_->GetConsumer(DmStream(kSpace), DmDurable(id_)), IsOk()) << "it was there before";
  // The id is free again, for whomever.
  ASSERT_THAT(root_api_->DeleteConsumer(DmStream(kSpace), DmDurable(id_)), IsOk());
  EXPECT_THAT(ProvisionBy(one_, "planner", id_), IsOk());
}

TEST_F(ProvisionerRaces, WhatWasThereBeforeIsNotTakenBack) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  ASSERT_THAT(Privileged(*root_api_, kSpace).ProvisionChatDurable(id_, Strings{"general"}), IsOk());
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kPrecondition));
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
}

TEST_F(ProvisionerRaces, NobodyGetsTheIdWhileItIsTakenBack) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  bool asked = false;
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.DELETE.CHAT_main", [&] {
    asked = true;
    EXPECT_EQ(RecordOf(id_), "leaving worker");
    EXPECT_THAT(ProvisionBy(other_, "worker", id_), StatusIs(kUnavailable, HasSubstr("being taken back")));
    EXPECT_THAT(ProvisionBy(other_, "planner", id_), StatusIs(kPrecondition));
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kPrecondition));
  EXPECT_TRUE(asked);
  EXPECT_EQ(RecordOf(id_), "NOT_FOUND");
}

TEST_F(ProvisionerRaces, ATakeBackThatWasCutOffIsTheNextAttempts) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.DELETE.CHAT_main",
                                  [&] { ASSERT_THAT(broker_->Kill(), IsOk()); });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_),
              StatusIs(kPrecondition, HasSubstr("could not be taken back")));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(Enter(other_));
  EXPECT_EQ(RecordOf(id_), "leaving worker");
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
  EXPECT_THAT(ProvisionBy(other_, "worker", id_), StatusIs(kUnavailable)) << "somebody may be at it";
  clock_.now += kTakeUpAfter;
  EXPECT_THAT(ProvisionBy(other_, "planner", id_), StatusIs(kPrecondition));
  // What made it fail is there yet, and whatever was made before is kept for the next one.
  EXPECT_THAT(ProvisionBy(other_, "worker", id_), StatusIs(kPrecondition, HasSubstr("inst.*.*")));
  EXPECT_EQ(RecordOf(id_), "begun worker");
  ASSERT_THAT(root_api_->DeleteConsumer(DmStream(kSpace), DmDurable(id_)), IsOk());
  EXPECT_THAT(ProvisionBy(other_, "worker", id_), IsOk());
  EXPECT_EQ(RecordOf(id_), "live worker");
}

// What the broker tells of a durable, with another word on when it was made.
void Retell(std::string& payload, const std::string& created) {
  Json told = Json::parse(payload);
  if (!told.contains("created")) return;
  told["created"] = created;
  told["cluster"] = {{"leader", "s1"}};
  payload = told.dump();
}

TEST_F(ProvisionerRaces, WhatMayBeAnothersIsNotSaidToBeTakenBack) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  // From the take-back on, as 2.10 tells it of a durable whose filter has moved.
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.INFO.DM_main", [&] {
    one_.interrupted->ChangeAnswers("$JS.API.CONSUMER.INFO.CHAT_main",
                                    [](std::string& payload) { Retell(payload, "0001-01-01T00:00:00Z"); });
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_),
              StatusIs(kPrecondition, HasSubstr("could not be taken back")));
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
  EXPECT_EQ(RecordOf(id_), "begun worker") << "what is left must not be forgotten";
}

TEST_F(ProvisionerRaces, WhatAnotherServerTellsAnotherMomentOfIsTakenBack) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  // By up to 50 ms, from the first look at what was just made.
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main", [&] {
    one_.interrupted->ChangeAnswers("$JS.API.CONSUMER.INFO.CHAT_main", [](std::string& payload) {
      std::string created = Json::parse(payload).value("created", "");
      if (created.empty()) return;
      char& hundredths = created.at(created.find('.') + 2);
      hundredths = static_cast<char>('0' + (hundredths - '0' + 5) % 10);
      Retell(payload, created);
    });
  });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kPrecondition, HasSubstr("inst.*.*")));
  EXPECT_EQ(ChannelOf(id_), "none");
  EXPECT_EQ(RecordOf(id_), "NOT_FOUND");
}

// The next attempt may be at it already.
TEST_F(ProvisionerRaces, WhoeverIsLateInTakingBackDeletesNothing) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  ASSERT_NO_FATAL_FAILURE(SpoilInbox(id_));
  one_.interrupted->BeforeMessage([&] {
    one_.interrupted->BeforeMessage([&] {  // the mark
      EXPECT_EQ(RecordOf(id_), "begun worker");
      clock_.now += kTakeBackTime;
    });
  });
  const absl::Status status = ProvisionBy(one_, "worker", id_).status();
  EXPECT_THAT(status, StatusIs(kPrecondition, HasSubstr("no time left")));
  EXPECT_TRUE(IsLeftInPart(status));
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
  EXPECT_EQ(RecordOf(id_), "begun worker");
}

TEST_F(ProvisionerRaces, WhatABrokerLeftHalfWayIsCompletedByTheNextAttempt) {
  one_.interrupted->BeforeRequest("$JS.API.CONSUMER.CREATE.DM_main",
                                  [&] { ASSERT_THAT(broker_->Kill(), IsOk()); });
  EXPECT_THAT(ProvisionBy(one_, "worker", id_), StatusIs(kUnavailable, HasSubstr("with the same identity")));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(Enter(other_));
  EXPECT_EQ(RecordOf(id_), "begun worker");
  EXPECT_THAT(ProvisionBy(other_, "planner", id_), StatusIs(kPrecondition));
  EXPECT_THAT(ProvisionBy(other_, "worker", id_), IsOk());
  EXPECT_EQ(RecordOf(id_), "live worker");
}

// The whole way of an attack: made beforehand, found, and put right before there is a credential.
TEST_F(ProvisionerRaces, T28_NoDurableIsTakenBecauseOfItsName) {
  ASSERT_NO_FATAL_FAILURE(EnterRoot());
  role_ = "tester";
  ConsumerConfig chat = *ChatDurableConfig(kSpace, id_, Strings{"ops"});
  chat.filter_subjects = {"cotal.main.chat.>"};
  chat.deliver_policy = "all";
  ConsumerConfig dm = DmDurableConfig(kSpace, id_);
  dm.filter_subject = "cotal.main.inst.*.*";
  ConsumerConfig task = TaskDurableConfig(kSpace, "tester");
  task.filter_subject = "cotal.main.svc.*.*";
  ASSERT_THAT(root_api_->CreateConsumer(ChatStream(kSpace), chat), IsOk());
  ASSERT_THAT(root_api_->CreateConsumer(DmStream(kSpace), dm), IsOk());
  ASSERT_THAT(root_api_->CreateConsumer(TaskStream(kSpace), task), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult result, ProvisionBy(one_, "worker", id_));
  EXPECT_THAT(result.channels, ElementsAre("general"));
  const auto filters = [&](const std::string& stream, const std::string& durable) {
    return root_api_->GetConsumer(stream, durable)->config.Filters();
  };
  EXPECT_EQ(ChannelOf(id_), "cotal.main.chat.*.general");
  EXPECT_EQ(Chat(id_)->config.deliver_policy, "new");
  EXPECT_THAT(filters(DmStream(kSpace), DmDurable(id_)), ElementsAre("cotal.main.inst." + id_ + ".*"));
  EXPECT_THAT(filters(TaskStream(kSpace), TaskDurable("tester")), ElementsAre("cotal.main.svc.tester.*"));
}

}  // namespace
}  // namespace meshwarden::provisioner_races_test
