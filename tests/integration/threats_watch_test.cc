// What an agent does to others' durables by the answers that it aims, and what a watching manager makes of
// it: rows T23 and T24 of the threat model, as far as the broker itself does not refuse. Each with its
// control case.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "provisioning/minting/mint.h"
#include "tests/integration/watch_fixture.h"

namespace meshwarden::testing::threats_watch_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMadeAnew[] = "was deleted by somebody else, and made anew";
constexpr char kDriven[] = "used by a client that had the broker ask";
constexpr char kNotMadeAnew[] = "is gone and not made anew";
constexpr char kGivenBack[] = "its place was given back";
constexpr char kForgedSubject[] = "$JS.API.STREAM.FORGED.CHAT_main";
constexpr char kAccused[] = "an agent has the broker move others' durables";
constexpr char kByAnother[] = "was taken away by another manager, which did not make it anew";
constexpr char kTakenAway[] = "was taken away with the pulls on it, and made anew";

class WatchThreats : public WatchFixture {
 protected:
  void WatchUnder(const std::string& agents) {
    const std::string path = mesh().directory() + "/other.yaml";
    ASSERT_THAT(WriteFile(path, "version: 1\nspace: main\nagents:\n" + agents, {}), IsOk());
    WatchWith({"--policy", path});
    ASSERT_TRUE(Logs("the places of all durables are known"));
  }
  void AimPullsAt(const std::string& stream, const std::string& durable, std::uint64_t count) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    const std::string target = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream, durable);
    for (std::uint64_t i = 0; i < count; ++i) Aim(target, R"({"batch":1,"expires":60000000000})");
    ASSERT_TRUE(Eventually([&] { return PullsOn(stream, durable) == count; }));
  }
  std::uint64_t PullsOn(const std::string& stream, const std::string& durable) {
    const absl::StatusOr<ConsumerInfo> info = api().GetConsumer(stream, durable);
    return info.ok() ? info->num_waiting : 0;
  }
  // Has its durable deleted, and waits until there is another one that reads `channels`.
  void ExpectMadeAnew(const std::string& id, const std::vector<std::string>& channels) {
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo before, Chat(id));
    ASSERT_NO_FATAL_FAILURE(AimDeletionOf(id));
    ASSERT_TRUE(Eventually([&] {
      const absl::StatusOr<ConsumerInfo> now = Chat(id);
      return now.ok() && now->created != before.created;
    }));
    EXPECT_THAT(mesh().FiltersOf(id), IsOkAndHolds(FiltersFor(channels)));
  }
  void Write(const std::string& id, std::string_view text) {
    ASSERT_THAT(mallory_.connection->Request(UnicastSubject("main", id, mallory_.id), text, kPatience),
                IsOk());
  }

  // Mallory goes on under an identity with an agent's credential and durable, and without a record.
  void BecomeUnrecorded() {
    MW_ASSERT_OK_AND_ASSIGN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
    MintOptions options;
    options.profile = Profile::kAgent;
    options.permissions.space = "main";
    options.permissions.id = user.public_key().text();
    options.permissions.allow_publish = {"general"};
    mallory_.id = options.permissions.id;
    MW_ASSERT_OK_AND_ASSIGN(Creds creds,
                            MintCreds(mesh().issuer(), options, std::move(user), Clock::System()));
    mallory_.creds = std::make_shared<const Creds>(std::move(creds));
    MW_ASSERT_OK_AND_ASSIGN(mallory_.connection, mesh().Connect(mallory_.creds));
    ASSERT_THAT(Privileged(api(), "main").ProvisionChatDurable(mallory_.id, General()), IsOk());
  }
  static std::vector<std::string> General() { return {"general"}; }
};

TEST_F(WatchThreats, T23_ADeletedChatDurableIsMadeAnewWithinASecond) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  const std::string bob_id = options.card.id;
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(std::move(options)));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_THAT(space_->Post("general", "before"), IsOk());
  ASSERT_TRUE(bob->AwaitText("before"));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo old, Chat(bob_id));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob_id));
  ASSERT_THAT(space_->Post("general", "meanwhile"), IsOk());
  ASSERT_TRUE(Eventually([&] {
    const absl::StatusOr<ConsumerInfo> now = Chat(bob_id);
    return now.ok() && now->created != old.created;
  }));
  EXPECT_LT(steady_clock::now() - aimed_at_, milliseconds(1000));
  EXPECT_TRUE(Logs(kMadeAnew));
  // The deletion itself is certain, and nobody is named for it.
  EXPECT_TRUE(Logs(kDriven));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(mallory_.id)));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo anew, Chat(bob_id));
  EXPECT_EQ(anew.config.Filters(), old.config.Filters());
  EXPECT_TRUE(WasMadeAnew(anew.config));
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_TRUE(bob->AwaitText("after"));
  EXPECT_THAT(bob->Texts(4, milliseconds(300)), ElementsAre("before", "meanwhile", "after"));
  // Its channels can be moved as those of any other.
  ASSERT_THAT(bob->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(mesh().FiltersOf(bob_id), IsOkAndHolds(FiltersFor({"general", "ops"})));
}

TEST_F(WatchThreats, T23_Control_WithoutAWatcherItStaysGoneAndTheManagerSaysThatNobodyWatches) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartManager());
  EXPECT_TRUE(Logs("nobody watches"));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob.id));
  ASSERT_TRUE(Eventually([&] { return IsGone(bob.id); }));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(mallory_, {"general", "ops"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_TRUE(IsGone(bob.id));
}

TEST_F(WatchThreats, T23_AgainAndAgainNothingIsLostAndTheLogIsBounded) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  ASSERT_THAT(api().PublishStored("cotal.main.chat.PEER.general", "settled", std::nullopt), IsOk());
  ASSERT_THAT(Payloads(Receive(bob, "CHAT_main", ChatDurable(bob.id))), ElementsAre("settled"));
  ASSERT_TRUE(Eventually([&] { return Chat(bob.id)->ack_floor_stream_seq == 1; }));
  ASSERT_NO_FATAL_FAILURE(Watch());
  std::vector<std::string> sent;
  for (int i = 0; i < 5; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo before, Chat(bob.id));
    ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob.id));
    ASSERT_TRUE(Eventually([&] {
      const absl::StatusOr<ConsumerInfo> now = Chat(bob.id);
      return !now.ok() || now->created != before.created;
    }));
    sent.push_back(fmt::format("{}", i));
    ASSERT_THAT(api().PublishStored("cotal.main.chat.PEER.general", sent.back(), std::nullopt), IsOk());
    ASSERT_TRUE(Eventually([&] { return Chat(bob.id).ok(); }));
  }
  EXPECT_EQ(Payloads(Receive(bob, "CHAT_main", ChatDurable(bob.id))), sent);
  const std::string output = manager_->Output();
  const std::size_t first = output.find(kMadeAnew);
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(output.find(kMadeAnew, first + 1), std::string::npos) << output;
}

// Provisioned since the manager looked last.
TEST_F(WatchThreats, T23_OneThatWasNeverListedGoesBackByTheTimeThatAMessageMayWait) {
  ASSERT_NO_FATAL_FAILURE(Watch());
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  ASSERT_THAT(api().PublishStored("cotal.main.chat.PEER.general", "unread", std::nullopt), IsOk());
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob.id));
  EXPECT_TRUE(Logs(kMadeAnew));
  EXPECT_THAT(Payloads(Receive(bob, "CHAT_main", ChatDurable(bob.id))), ElementsAre("unread"));
}

TEST_F(WatchThreats, T23_WhatTodaysPolicyDoesNotAllowComesNotBack) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent cy, mesh().Provision("cy"));
  ASSERT_THAT(space_->MoveFilterOf(bob.id, {"general", "ops", "team.a"}), IsOk());
  ASSERT_NO_FATAL_FAILURE(WatchUnder("  bob: { subscribe: [general], allowSubscribe: [general, ops] }\n"));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(cy.id));
  ASSERT_TRUE(Logs(kNotMadeAnew));
  ASSERT_NO_FATAL_FAILURE(ExpectMadeAnew(bob.id, {"general", "ops"}));
  // The policy has no cy any more.
  EXPECT_TRUE(IsGone(cy.id));
}

TEST_F(WatchThreats, T23_OneWithoutARecordIsNotMadeAnew) {
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair nobody, KeyPair::Generate(NkeyKind::kUser));
  const std::string id = nobody.public_key().text();
  ASSERT_THAT(Privileged(api(), "main").ProvisionChatDurable(id, General()), IsOk());
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(id));
  EXPECT_TRUE(Logs(kNotMadeAnew));
  EXPECT_TRUE(IsGone(id));
}

// What an agent aims at an advisory's subject is no advisory, and what it writes into a message isn't either.
TEST_F(WatchThreats, T23_AForgedAdvisoryIsNotHeeded) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob.id));
  ASSERT_TRUE(Eventually([&] { return IsGone(bob.id); }));
  ASSERT_NO_FATAL_FAILURE(Watch());  // it has not met the durable
  const std::string gone = "$JS.EVENT.ADVISORY.CONSUMER.DELETED.CHAT_main." + ChatDurable(bob.id);
  EXPECT_THAT(mallory_.connection->Request(gone, "", milliseconds(500)),
              StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_NO_FATAL_FAILURE(Drain());
  Aim(gone);
  Aim(gone, fmt::format(R"({{"type":"io.nats.jetstream.advisory.v1.consumer_action","stream":"CHAT_main",)"
                        R"("consumer":"{}","action":"delete"}})",
                        ChatDurable(bob.id)));
  Aim("$JS.EVENT.ADVISORY.API",
      fmt::format(R"({{"type":"io.nats.jetstream.advisory.v1.api_audit","client":{{"kind":"JetStream"}},)"
                  R"("subject":"{}"}})",
                  kForgedSubject));
  // Control: a deletion that has happened is heeded, and it came later.
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent cy, mesh().Provision("cy"));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(cy.id));
  ASSERT_TRUE(Logs(kMadeAnew));
  EXPECT_TRUE(IsGone(bob.id));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kForgedSubject)));
}

// The list of a stream's durables is read page by page, and what an agent may say of its own history reader
// stands in it.
TEST_F(WatchThreats, T23_WhatAnAgentSaysOfItsHistoryReaderHidesNobody) {
  const std::string filter = "cotal.main.chat.*.general";
  const std::string subject =
      fmt::format("$JS.API.CONSUMER.CREATE.CHAT_main.{}.{}", ChatHistoryConsumer(mallory_.id), filter);
  const Json config = {{"name", ChatHistoryConsumer(mallory_.id)},
                       {"deliver_policy", "all"},
                       {"ack_policy", "none"},
                       {"filter_subject", filter},
                       {"mem_storage", true},
                       {"inactive_threshold", 60'000'000'000},
                       {"metadata", {{std::string("a\0b", 3), "c"}}}};
  const Json request = {{"stream_name", "CHAT_main"}, {"action", "create"}, {"config", config}};
  ASSERT_THAT(mallory_.connection->Request(subject, DumpJson(request), kPatience), IsOk());
  ASSERT_THAT(api().GetStream("CHAT_main"), IsOk());
  ASSERT_EQ(api().GetStream("CHAT_main")->consumers, 2u);
  ASSERT_NO_FATAL_FAILURE(Watch());
  EXPECT_TRUE(Logs("the places of all durables are known"));
}

TEST_F(WatchThreats, T23_OfTwoManagersOneMakesIt) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  MW_ASSERT_OK_AND_ASSIGN(const auto second, mesh().StartWatchingManager());
  ASSERT_NO_FATAL_FAILURE(ExpectMadeAnew(bob.id, {"general"}));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo anew, Chat(bob.id));
  // Both have heard of a second deletion, and so are through with the first.
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent cy, mesh().Provision("cy"));
  ASSERT_NO_FATAL_FAILURE(ExpectMadeAnew(cy.id, {"general"}));
  EXPECT_TRUE(Logs(kDriven));
  EXPECT_THAT(second->WaitForOutput(kDriven, kPatience), IsOk());
  EXPECT_EQ(Chat(bob.id)->created, anew.created);
  for (Process* manager : {manager_.get(), second.get()}) {
    EXPECT_THAT(manager->Output(), Not(HasSubstr("could not be made anew")));
  }
}

// What a manager takes away it makes anew itself, behind the pulls that stood on it.
class ColleagueThreats : public WatchThreats {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(WatchThreats::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(bob_, mesh().Provision("bob"));
    MW_ASSERT_OK_AND_ASSIGN(mover_, mesh().ConnectAs("mover"));
    colleague_ = std::make_unique<JetStreamApi>(*mover_, kPatience, mesh().api_token());
    ASSERT_NO_FATAL_FAILURE(Watch());
  }
  // As another manager would.
  void TakeAway() {
    ASSERT_THAT(colleague_->DeleteConsumer("CHAT_main", ChatDurable(bob_.id)), IsOk());
    EXPECT_FALSE(Eventually([&] { return Chat(bob_.id).ok(); }, milliseconds(1'500)));
  }

  TestAgent bob_;
  std::unique_ptr<Connection> mover_;
  std::unique_ptr<JetStreamApi> colleague_;
};

TEST_F(ColleagueThreats, T24_WhatAnotherManagerTookAwayIsLeftToItUntilItIsBack) {
  ASSERT_NO_FATAL_FAILURE(TakeAway());
  ASSERT_THAT(Privileged(api(), "main").ProvisionChatDurable(bob_.id, General()), IsOk());
  // What somebody else deletes then is no colleague's, also right behind it.
  const auto begun = steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(ExpectMadeAnew(bob_.id, {"general"}));
  EXPECT_LT(steady_clock::now() - begun, milliseconds(5'000));
  EXPECT_TRUE(Logs(kMadeAnew));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kByAnother)));
}

TEST_F(ColleagueThreats, T24_WhatAnotherManagerLeftUnmadeIsMadeAfterHalfAMinute) {
  ASSERT_NO_FATAL_FAILURE(TakeAway());
  EXPECT_TRUE(Logs(kByAnother, milliseconds(45'000)));
  EXPECT_THAT(Chat(bob_.id), IsOk());
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kMadeAnew)));
}

// Its credential lacks what repairs need.
TEST_F(WatchThreats, T23_WithAMoverOfAnEarlierVersionItIsOnlyReported) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto mover, mesh().Mint(Profile::kMover, {}));
  const std::string path = mesh().directory() + "/old_mover.creds";
  ASSERT_THAT(mover->Save(path, IfExists::kFail), IsOk());
  ASSERT_NO_FATAL_FAILURE(WatchWith({"--mover-credentials", path}));
  EXPECT_TRUE(Logs("reported but not put right"));
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob.id));
  EXPECT_TRUE(Logs(kDriven));
  EXPECT_TRUE(IsGone(bob.id));
}

TEST_F(WatchThreats, T24_AMovedPlaceIsGivenBackAndTheAttackerNamed) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  const std::string durable = DmDurable(bob.id);
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "settled"));
  ASSERT_THAT(Payloads(Receive(bob, "DM_main", durable)), ElementsAre("settled"));
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "one"));
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "two"));
  ASSERT_TRUE(Eventually([&] { return api().GetConsumer("DM_main", durable)->ack_floor_stream_seq == 1; }));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  EXPECT_TRUE(Logs(fmt::format("by={}", mallory_.id)));
  EXPECT_THAT(manager_->Output(), HasSubstr(kAccused));
  // The agent of the policy is told, too.
  EXPECT_THAT(manager_->Output(), HasSubstr("agent=ada"));
  if (places_move()) {
    EXPECT_TRUE(Logs(kGivenBack));
  }
  EXPECT_THAT(Payloads(Receive(bob, "DM_main", durable)), ElementsAre("one", "two"));
  EXPECT_EQ(manager_->Output().find(kGivenBack) != std::string::npos, places_move());
}

// An agent that the policy has dropped goes on with the credential that it has.
TEST_F(WatchThreats, T24_WhoIsRecordedIsNamedWhateverThePolicySays) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  ASSERT_NO_FATAL_FAILURE(WatchUnder("  bob: { subscribe: [general] }\n"));
  // A manager that does not know its agent has it read nothing; one that was started before may not have.
  const std::vector<std::string> channels = {"general"};
  ASSERT_THAT(Privileged(api(), "main").SetChatFilterFor(mallory_.id, channels), IsOk());
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  EXPECT_TRUE(Logs(fmt::format("by={} agent=ada", mallory_.id)));
}

// A durable of an id that nobody has recorded may have been made for anything.
TEST_F(WatchThreats, T24_WhoIsNotRecordedIsNotNamed) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent bob, mesh().Provision("bob"));
  ASSERT_NO_FATAL_FAILURE(BecomeUnrecorded());
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  EXPECT_TRUE(Logs("and can't be named stream=DM_main"));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(mallory_.id)));
}

TEST_F(WatchThreats, T24_Control_WithoutAWatcherTheMessagesAreGoneWhereAPlaceCanBeMoved) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  const std::string durable = DmDurable(bob.id);
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartManager());
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "one"));
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  if (places_move()) {
    ASSERT_TRUE(Eventually([&] { return api().GetConsumer("DM_main", durable)->num_pending == 0; }));
    EXPECT_THAT(Payloads(Receive(bob, "DM_main", durable)), ElementsAre());
  } else {
    EXPECT_THAT(Payloads(Receive(bob, "DM_main", durable)), ElementsAre("one"));
  }
}

TEST_F(WatchThreats, T24_AnEndpointOfOursMissesNothingOfAMovedPlace) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  const std::string id = options.card.id;
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(std::move(options)));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter("cy"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  std::vector<std::string> sent;
  for (int i = 0; i < 3; ++i) {
    ASSERT_NO_FATAL_FAILURE(AimMoveOf(id));
    ASSERT_TRUE(Logs(kTakenAway));  // mallory's own durable, the first time
    sent.push_back(fmt::format("{}", i));
    ASSERT_THAT(cy->endpoint->Unicast(id, Text(sent.back())), IsOk());
    EXPECT_TRUE(bob->AwaitText(sent.back()));
  }
  EXPECT_EQ(bob->Texts(sent.size() + 1, milliseconds(500)), sent);
}

// They stand on the attacker's durable, and go with it; whoever that is loses nothing of its own.
TEST_F(WatchThreats, T24_TheForeignPullsOfWhoIsNamedAreRemoved) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  ASSERT_NO_FATAL_FAILURE(AimPullsAt("DM_main", DmDurable(bob.id), 6));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  ASSERT_THAT(api().PublishStored("cotal.main.chat.PEER.general", "unread", std::nullopt), IsOk());
  ASSERT_TRUE(Logs(kTakenAway));
  EXPECT_EQ(PullsOn("DM_main", DmDurable(bob.id)), 0u);
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "one"));
  EXPECT_THAT(Payloads(Receive(bob, "DM_main", DmDurable(bob.id))), ElementsAre("one"));
  // Among what it has not settled yet.
  EXPECT_THAT(Payloads(Receive(mallory_, "CHAT_main", ChatDurable(mallory_.id))), Contains("unread"));
}

TEST_F(WatchThreats, T24_Control_WithoutAWatcherTheyStay) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartManager());
  ASSERT_NO_FATAL_FAILURE(AimPullsAt("DM_main", DmDurable(bob.id), 6));
  ASSERT_NO_FATAL_FAILURE(AimMoveOf(bob.id));
  EXPECT_EQ(PullsOn("DM_main", DmDurable(bob.id)), 6u);
  ASSERT_NO_FATAL_FAILURE(Write(bob.id, "one"));
  EXPECT_THAT(Payloads(Receive(bob, "DM_main", DmDurable(bob.id))), ElementsAre());
}

TEST_F(WatchThreats, T24_MorePullsThanAReaderMakesAreToldAndACrowdIsRemoved) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent bob, mesh().Provision("bob"));
  // Somewhere else than where bob reads, or what is aimed would itself be what the pulls wait for.
  channel_ = "ops";
  ASSERT_THAT(space_->MoveFilterOf(mallory_.id, {channel_}), IsOk());
  ASSERT_NO_FATAL_FAILURE(AimPullsAt("DM_main", DmDurable(bob.id), 9));
  ASSERT_NO_FATAL_FAILURE(AimPullsAt("CHAT_main", ChatDurable(bob.id), 65));
  ASSERT_NO_FATAL_FAILURE(Watch());
  EXPECT_TRUE(Logs(fmt::format("durable={} pulls=9", DmDurable(bob.id))));
  EXPECT_TRUE(Logs(fmt::format("durable={} pulls=65", ChatDurable(bob.id))));
  ASSERT_TRUE(Logs(kTakenAway));
  EXPECT_EQ(PullsOn("CHAT_main", ChatDurable(bob.id)), 0u);
  // Nobody is accused for it.
  EXPECT_EQ(PullsOn("DM_main", DmDurable(bob.id)), 9u);
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(mallory_.id)));
}

// What whoever steals it gets: to hear who uses the API, and nothing more.
TEST_F(WatchThreats, T17_AWatchersCredentialSaysNothingAndHearsNoMessage) {
  MW_ASSERT_OK_AND_ASSIGN(const auto watcher, mesh().ConnectAs("watcher"));
  Collector<std::string> heard;
  const auto hear = [&heard](const NatsMessage& message) { heard.Add(message.subject); };
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (const std::string subject : {"$JS.EVENT.ADVISORY.>", "cotal.main.>", "$JS.ACK.>", "$KV.>", "_INBOX.>",
                                    "$JS.API.CONSUMER.MSG.NEXT.>", ">"}) {
    absl::StatusOr<std::unique_ptr<Subscription>> subscription = watcher->Subscribe(subject, "", hear);
    if (subscription.ok()) subscriptions.push_back(*std::move(subscription));
    ASSERT_THAT(watcher->Flush(kPatience), IsOk());
  }
  for (const std::string subject :
       {"$JS.API.INFO", "$JS.API.CONSUMER.RESET.DM_main.dm_x", "$JS.EVENT.ADVISORY.API",
        "cotal.main.chat.x.general", "cotal.main.ctl.self.x", "_INBOX.x"}) {
    EXPECT_THAT(watcher->Request(subject, "", kPatience), StatusIs(absl::StatusCode::kPermissionDenied))
        << subject;
  }
  ASSERT_THAT(space_->Post("general", "not for it"), IsOk());
  ASSERT_NO_FATAL_FAILURE(Write(mallory_.id, "nor this"));
  // Control: a use of the API, which came later, is heard.
  ASSERT_THAT(Chat(mallory_.id), IsOk());
  ASSERT_FALSE(heard.Await(1).empty());
  EXPECT_THAT(heard.Await(0), Each("$JS.EVENT.ADVISORY.API"));
}

}  // namespace
}  // namespace meshwarden::testing::threats_watch_test
