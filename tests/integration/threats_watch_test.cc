// What an agent does to others' durables by the answers that it aims, and what a watching manager makes of
// it: rows T23 and T24 of the threat model, as far as the broker itself does not refuse. Each with its
// control case.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "proto/registry.h"
#include "proto/subject.h"
#include "provisioning/mint.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing {
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
constexpr char kTakenAway[] = "was taken away with the pulls on it, and made anew";

class WatchThreats : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(mallory_, mesh().Provision("ada"));
  }
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void Watch() { MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartWatchingManager()); }
  bool Logs(const std::string& line, milliseconds within = kPatience) {
    return manager_->WaitForOutput(line, within).ok();
  }

  // One whose policy is another, or whose flags.
  void WatchWith(const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"--watcher-credentials", mesh().PathOf("creds/watcher.creds")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().LaunchManager(arguments));
    ASSERT_TRUE(Logs("ready"));
  }
  void WatchUnder(const std::string& agents) {
    const std::string path = mesh().directory() + "/other.yaml";
    ASSERT_THAT(WriteFile(path, "version: 1\nspace: main\nagents:\n" + agents, {}), IsOk());
    WatchWith({"--policy", path});
    ASSERT_TRUE(Logs("the places of all durables are known"));
  }

  Mesh& mesh() { return space_->mesh(); }
  JetStreamApi& api() { return space_->root_api(); }
  // From 2.14 on a durable's place can be moved; on older servers nobody can.
  bool places_move() { return mesh().root().server_version().rfind("2.10.", 0) != 0; }

  // Mallory pulls one message of its own durable, the one given or none, and has the answer sent to `target`.
  void Aim(const std::string& target, std::string_view message = "") {
    // What has just been stored may not have been counted for the durable yet, so that one waits for it.
    std::string pull = R"({"batch":1,"no_wait":true})";
    if (!message.empty()) {
      pull = R"({"batch":1,"expires":20000000000})";
      const std::string own = *ChatSubject("main", mallory_.id, channel_);
      ASSERT_THAT(mallory_.connection->Request(own, message, kPatience), IsOk());
    }
    ASSERT_THAT(mallory_.connection->PublishRequest(
                    "$JS.API.CONSUMER.MSG.NEXT.CHAT_main." + ChatDurable(mallory_.id), target, pull),
                IsOk());
    ASSERT_THAT(mallory_.connection->Flush(kPatience), IsOk());
  }
  // Mallory has read all that waits for it, so that its next pull brings what is aimed.
  void Drain() { ASSERT_THAT(Receive(mallory_, "CHAT_main", ChatDurable(mallory_.id)), IsOk()); }
  void AimDeletionOf(const std::string& id) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    Aim("$JS.API.CONSUMER.DELETE.CHAT_main." + ChatDurable(id));
  }
  void AimMoveOf(const std::string& id) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    Aim("$JS.API.CONSUMER.RESET.DM_main." + DmDurable(id), R"({"seq":1000})");
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

  // What the registry says of a channel; nothing readable: "damaged".
  std::string RegistryEntry(const std::string& channel) {
    const absl::StatusOr<StoredMessage> stored =
        api().LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main." + channel);
    return stored.ok() && DecodeChannelConfig(stored->payload).ok() ? stored->payload : "damaged";
  }
  void Describe(const std::string& channel, const std::string& description) {
    ChannelConfig config;
    config.description = description;
    ASSERT_THAT(Privileged(api(), "main").SetChannelConfig(channel, config), IsOk());
  }
  // An answer without a body under the entry's key, and one with a body that is none.
  void AimJunkAtEntry(const std::string& channel) {
    const std::string key = "$KV.cotal_channels_main." + channel;
    const std::uint64_t before = api().GetStream("KV_cotal_channels_main")->last_seq;
    ASSERT_NO_FATAL_FAILURE(Drain());
    Aim(key);
    ASSERT_NO_FATAL_FAILURE(Aim(key, "no entry"));
    ASSERT_TRUE(
        Eventually([&] { return api().GetStream("KV_cotal_channels_main")->last_seq >= before + 2; }));
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

  absl::StatusOr<ConsumerInfo> Chat(const std::string& id) {
    return api().GetConsumer("CHAT_main", ChatDurable(id));
  }
  bool IsGone(const std::string& id) { return HasJsError(Chat(id).status(), JsError::kConsumerNotFound); }
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
  static std::vector<std::string> Payloads(const absl::StatusOr<std::vector<NatsMessage>>& messages) {
    std::vector<std::string> payloads;
    if (messages.ok()) {
      for (const NatsMessage& message : *messages) payloads.push_back(message.payload);
    }
    return payloads;
  }
  void Write(const std::string& id, std::string_view text) {
    ASSERT_THAT(mallory_.connection->Request(UnicastSubject("main", id, mallory_.id), text, kPatience),
                IsOk());
  }

  std::unique_ptr<TestSpace> space_;
  TestAgent mallory_;
  std::string channel_ = "general";  // in which it writes what it aims
  std::unique_ptr<Process> manager_;
};

TEST_F(WatchThreats, T23_ADeletedChatDurableIsMadeAnewWithinASecond) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  const std::string bob_id = options.card.id;
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(std::move(options)));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_THAT(space_->Post("general", "before"), IsOk());
  ASSERT_TRUE(bob->AwaitText("before"));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo old, Chat(bob_id));
  const auto begun = steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(AimDeletionOf(bob_id));
  ASSERT_THAT(space_->Post("general", "meanwhile"), IsOk());
  ASSERT_TRUE(Eventually([&] {
    const absl::StatusOr<ConsumerInfo> now = Chat(bob_id);
    return now.ok() && now->created != old.created;
  }));
  EXPECT_LT(steady_clock::now() - begun, milliseconds(1000));
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
TEST_F(WatchThreats, T25_ARegistryEntryThatWasReplacedIsPutBack) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  // One that is set while the manager runs is known to it too.
  ASSERT_NO_FATAL_FAILURE(Describe("ops", "for some"));
  const std::string general = RegistryEntry("general");
  const std::string ops = RegistryEntry("ops");
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("general") == general; }));
  EXPECT_TRUE(
      Logs("an entry of the channel registry was replaced by what is none; put back channel=general"));
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("ops"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("ops") == ops; }));
}

TEST_F(WatchThreats, T25_AnEntryThatWasTakenOutStaysOut) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  ASSERT_NO_FATAL_FAILURE(Describe("ops", "for some"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_THAT(Privileged(api(), "main").RemoveChannelConfig("ops"), IsOk());
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("general") != "damaged"; }));
  EXPECT_EQ(RegistryEntry("ops"), "damaged");
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("channel=ops")));
}

TEST_F(WatchThreats, T25_Control_WithoutAWatcherItStaysReplaced) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartManager());
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_FALSE(Eventually([&] { return RegistryEntry("general") != "damaged"; }, milliseconds(3000)));
}

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
}  // namespace meshwarden::testing
