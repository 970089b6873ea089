// E20: what an endpoint can read back, and what there is in the space.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/presence.h"
#include "proto/subject.h"
#include "proto/uuid.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e20_reading_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Until `condition` holds; false if it did not in time.
bool Await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

std::vector<std::string> TextsOf(const std::vector<MeshMessage>& messages) {
  std::vector<std::string> texts;
  for (const MeshMessage& message : messages) texts.push_back(TextOf(message));
  return texts;
}

class ReadingTest : public BothModes {
 protected:
  Privileged Trusted() { return Privileged(space_->root_api(), "main"); }
  // An endpoint with a credential of `profile` that only looks on. In open mode everybody may do anything.
  absl::StatusOr<std::unique_ptr<Member>> Onlooker(Profile profile) {
    EndpointOptions options;
    options.servers = {space_->broker().url()};
    options.card.name = "onlooker";
    options.receive = false;
    options.register_presence = false;
    if (space_->mode() == Mode::kAuth) {
      MW_ASSIGN_OR_RETURN(options.creds, space_->mesh().Mint(profile));
    }
    return space_->Enter(std::move(options));
  }
  // Stores a direct message as `sender`.
  absl::Status StoreDm(std::string_view to, std::string_view sender, std::string_view text) {
    MeshMessage message;
    message.id = NewUuid();
    message.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    message.space = "main";
    message.from.id = std::string(sender);
    message.from.name = "peer";
    message.destination = {.delivery = Delivery::kDm, .name = std::string(to)};
    message.parts.push_back(Part::Text(std::string(text)));
    return space_->Store(UnicastSubject("main", to, sender), EncodeMessage(message)).status();
  }
};
INSTANTIATE_TEST_SUITE_P(, ReadingTest, kBothModes, kModeName);

TEST_P(ReadingTest, E20_ChannelsAreThoseWithMessagesAndThoseInTheRegistry) {
  MW_ASSERT_OK_AND_ASSIGN(const auto first, space_->Enter("ada"));  // open mode: makes the streams
  EXPECT_THAT(first->endpoint->ListChannels(), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(space_->Post("general", "1", "ONE"), IsOk());
  ASSERT_THAT(space_->Post("general", "2", "ONE"), IsOk());
  ASSERT_THAT(space_->Post("general", "3", "TWO"), IsOk());
  ASSERT_THAT(space_->Post("team.a", "4", "ONE"), IsOk());
  ChannelConfig described;
  described.description = "where all meet";
  described.replay = false;
  ASSERT_THAT(Trusted().SetChannelConfig("general", described), IsOk());
  ChannelConfig quiet;
  quiet.instructions = "say nothing";
  ASSERT_THAT(Trusted().SetChannelConfig("quiet", quiet), IsOk());
  // Those who enter now know the registry when they have started.
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<ChannelSummary> channels, bob->endpoint->ListChannels());
  ASSERT_EQ(channels.size(), 3u);
  EXPECT_EQ(channels[0].channel, "general");
  EXPECT_EQ(channels[0].messages, 3u);
  EXPECT_EQ(channels[0].config, described);
  EXPECT_EQ(channels[1].channel, "quiet");
  EXPECT_EQ(channels[1].messages, 0u);
  EXPECT_EQ(channels[1].config, quiet);
  EXPECT_EQ(channels[2].channel, "team.a");
  EXPECT_EQ(channels[2].messages, 1u);
  EXPECT_EQ(channels[2].config, ChannelConfig{});
}

TEST_P(ReadingTest, T33_WhatIsNoChannelIsNotListedAsOne) {
  MW_ASSERT_OK_AND_ASSIGN(const auto first, space_->Enter("ada"));
  ASSERT_THAT(space_->Post("general", "1", "ONE"), IsOk());
  for (const std::string name : {">", "*", "team.*", "a/b", "ops\xE2\x80\xAE"}) {
    ASSERT_THAT(space_->Store("cotal.main.chat.ONE." + name, "x"), IsOk()) << name;
    ASSERT_THAT(space_->Store("$KV.cotal_channels_main." + name, "{}"), IsOk()) << name;
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<ChannelSummary> channels, bob->endpoint->ListChannels());
  ASSERT_EQ(channels.size(), 1u);
  EXPECT_EQ(channels[0].channel, "general");
}

TEST_P(ReadingTest, E20_MembersAreThoseWhoseFilterReadsTheChannel) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  if (space_->mode() == Mode::kAuth) {
    ASSERT_THAT(Trusted().SetChatFilterFor(options.card.id, std::vector<std::string>{"general", "team.>"}),
                IsOk());
  }
  options.channels = {"general", "team.>"};
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter("cy"));
  cy->endpoint->Stop();  // its durable stays
  MW_ASSERT_OK_AND_ASSIGN(const auto onlooker, Onlooker(Profile::kUnrestricted));

  MW_ASSERT_OK_AND_ASSIGN(const auto general, onlooker->endpoint->ListMembers("general"));
  ASSERT_EQ(general.size(), 1u);
  EXPECT_EQ(general.front().channel, "general");
  EXPECT_THAT(general.front().ids,
              UnorderedElementsAre(ada->endpoint->id(), bob->endpoint->id(), cy->endpoint->id()));
  ASSERT_EQ(general.front().present.size(), 2u);
  EXPECT_EQ(general.front().present[0].card.name, "ada");
  EXPECT_EQ(general.front().present[1].card.name, "bob");

  MW_ASSERT_OK_AND_ASSIGN(const auto team, onlooker->endpoint->ListMembers("team.a"));
  ASSERT_EQ(team.size(), 1u);
  EXPECT_THAT(team.front().ids, ElementsAre(ada->endpoint->id()));
  MW_ASSERT_OK_AND_ASSIGN(const auto nobody, onlooker->endpoint->ListMembers("ops"));
  ASSERT_EQ(nobody.size(), 1u);
  EXPECT_THAT(nobody.front().ids, IsEmpty());
  EXPECT_THAT(onlooker->endpoint->ListMembers("a/b"), StatusIs(absl::StatusCode::kInvalidArgument));

  MW_ASSERT_OK_AND_ASSIGN(const auto all, onlooker->endpoint->ListMembers(std::nullopt));
  std::map<std::string, std::vector<std::string>> ids;
  for (const ChannelMembers& entry : all) ids[entry.channel] = entry.ids;
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids["general"].size(), 3u);
  EXPECT_THAT(ids["team.>"], ElementsAre(ada->endpoint->id()));
}

TEST_P(ReadingTest, E20_ChannelHistoryIsTheNewestInOrder) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_THAT(ada->endpoint->ChannelHistory("general", 10), IsOkAndHolds(IsEmpty()));
  for (int i = 0; i < 300; ++i) {
    ASSERT_THAT(space_->Post("general", std::to_string(i), i % 2 == 0 ? "ONE" : "TWO"), IsOk());
  }
  ASSERT_THAT(space_->Post("ops", "elsewhere"), IsOk());
  ASSERT_THAT(ada->endpoint->Multicast(Text("mine")), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto newest, ada->endpoint->ChannelHistory("general", 3));
  EXPECT_THAT(TextsOf(newest), ElementsAre("298", "299", "mine"));
  MW_ASSERT_OK_AND_ASSIGN(const auto all, ada->endpoint->ChannelHistory("general", 1000));
  ASSERT_EQ(all.size(), 301u);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(TextOf(all[i]), std::to_string(i));
  EXPECT_THAT(ada->endpoint->ChannelHistory("general", 0), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ada->endpoint->ChannelHistory("a/b", 1), StatusIs(absl::StatusCode::kInvalidArgument));
  // The reader's consumer is gone.
  EXPECT_THAT(space_->root_api().GetConsumer(ChatStream("main"), ChatHistoryConsumer(ada->endpoint->id())),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ReadingTest, E20_HistoryLeavesOutWhatIsForgedUnreadableOrACopy) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(space_->Post("general", "first"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const std::string subject, ChatSubject("main", "MALLORY", "general"));
  ASSERT_THAT(space_->Store(subject, PeerMessage("PEER", "general", "forged")), IsOk());
  ASSERT_THAT(space_->Store(subject, "{"), IsOk());
  const std::string twice = PeerMessage("MALLORY", "general", "twice");
  ASSERT_THAT(space_->Store(subject, twice), IsOk());
  ASSERT_THAT(space_->Store(subject, twice), IsOk());
  ASSERT_THAT(space_->Post("general", "last"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto history, ada->endpoint->ChannelHistory("general", 10));
  EXPECT_THAT(TextsOf(history), ElementsAre("first", "twice", "last"));
}

TEST_P(ReadingTest, E20_AChannelThatDeniesReplayHasNoHistory) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(space_->Post("general", "secret"), IsOk());
  ASSERT_THAT(space_->Post("ops", "open"), IsOk());
  ChannelConfig closed;
  closed.replay = false;
  ASSERT_THAT(Trusted().SetChannelConfig("general", closed), IsOk());
  EXPECT_THAT(ada->endpoint->ChannelHistory("general", 10), IsOkAndHolds(IsEmpty()));
  ChannelDefaults defaults;
  defaults.replay = false;
  ASSERT_THAT(Trusted().SetChannelDefaults(defaults), IsOk());
  EXPECT_THAT(ada->endpoint->ChannelHistory("ops", 10), IsOkAndHolds(IsEmpty()));
  ChannelConfig open;
  open.replay = true;
  ASSERT_THAT(Trusted().SetChannelConfig("ops", open), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto history, ada->endpoint->ChannelHistory("ops", 10));
  EXPECT_THAT(TextsOf(history), ElementsAre("open"));
}

TEST_P(ReadingTest, E20_DirectMessagesAreReadByThoseWhoMayOnly) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(StoreDm(ada->endpoint->id(), "PEER", std::to_string(i)), IsOk());
  }
  ASSERT_THAT(StoreDm("OTHER", "PEER", "not hers"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto admin, Onlooker(Profile::kAdmin));
  MW_ASSERT_OK_AND_ASSIGN(const auto all, admin->endpoint->DmHistory(ada->endpoint->id(), 100));
  EXPECT_THAT(TextsOf(all), ElementsAre("0", "1", "2", "3", "4"));
  MW_ASSERT_OK_AND_ASSIGN(const auto newest, admin->endpoint->DmHistory(ada->endpoint->id(), 2));
  EXPECT_THAT(TextsOf(newest), ElementsAre("3", "4"));
  EXPECT_THAT(admin->endpoint->DmHistory("NOBODY", 2), IsOkAndHolds(IsEmpty()));
  for (const std::string id : {"", "*", ">", "a.b"}) {
    EXPECT_THAT(admin->endpoint->DmHistory(id, 2), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
  const auto own = ada->endpoint->DmHistory(ada->endpoint->id(), 100);
  if (space_->mode() == Mode::kOpen) {
    ASSERT_THAT(own, IsOk());
    EXPECT_EQ(own->size(), 5u);
  } else {
    EXPECT_THAT(own, StatusIs(absl::StatusCode::kPermissionDenied));
  }
}

TEST_P(ReadingTest, E20_ADirectMessageThatIsStoredTwiceIsReadOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(StoreDm("ONE", "PEER", "twice"), IsOk());
  const std::string subject = UnicastSubject("main", "ONE", "PEER");
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage stored,
                          space_->root_api().LastMessage(DmStream("main"), subject));
  ASSERT_THAT(StoreDm("ONE", "PEER", "between"), IsOk());
  ASSERT_THAT(space_->Store(subject, stored.payload), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto admin, Onlooker(Profile::kAdmin));
  MW_ASSERT_OK_AND_ASSIGN(const auto history, admin->endpoint->DmHistory("ONE", 10));
  EXPECT_THAT(TextsOf(history), ElementsAre("twice", "between"));
}

TEST_P(ReadingTest, E20_HistoriesAreReadAtTheSameTime) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(StoreDm("ONE", "PEER", "one"), IsOk());
    ASSERT_THAT(StoreDm("TWO", "PEER", "two"), IsOk());
    ASSERT_THAT(space_->Post("general", "three"), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto admin, Onlooker(Profile::kAdmin));
  std::vector<std::future<absl::StatusOr<std::vector<MeshMessage>>>> reads;
  for (int i = 0; i < 4; ++i) {
    for (const std::string id : {"ONE", "TWO"}) {
      reads.push_back(
          std::async(std::launch::async, [&, id] { return admin->endpoint->DmHistory(id, 100); }));
    }
    reads.push_back(
        std::async(std::launch::async, [&] { return admin->endpoint->ChannelHistory("general", 100); }));
  }
  for (auto& read : reads) {
    const auto messages = read.get();
    ASSERT_THAT(messages, IsOk());
    EXPECT_EQ(messages->size(), 50u);
  }
}

TEST_P(ReadingTest, E20_TheFrontierIsTheLastSequenceOfAllChannels) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_THAT(ada->endpoint->ChatFrontier(), IsOkAndHolds(0u));
  ASSERT_THAT(space_->Post("general", "1"), IsOk());
  ASSERT_THAT(space_->Post("ops", "2"), IsOk());
  EXPECT_THAT(ada->endpoint->ChatFrontier(), IsOkAndHolds(2u));
  ASSERT_THAT(Trusted().ClearHistory(), IsOk());
  EXPECT_THAT(ada->endpoint->ChatFrontier(), IsOkAndHolds(2u));
}

TEST_P(ReadingTest, E20_JoinedChannelsFollowJoinsAndLeaves) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_THAT(ada->endpoint->JoinedChannels(), ElementsAre("general"));
  ASSERT_THAT(ada->endpoint->JoinChannel("team.>"), IsOk());
  ASSERT_THAT(ada->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(ada->endpoint->JoinedChannels(), ElementsAre("general", "team.>", "ops"));
  EXPECT_THAT(space_->FilterOf(ada->endpoint->id()), IsOkAndHolds(ElementsAre("general", "ops", "team.>")));
  EXPECT_THAT(ada->endpoint->LeaveChannel("general"), IsOkAndHolds(true));
  EXPECT_THAT(ada->endpoint->LeaveChannel("general"), IsOkAndHolds(false));
  EXPECT_THAT(ada->endpoint->JoinedChannels(), ElementsAre("team.>", "ops"));
  EXPECT_EQ(ada->endpoint->DefaultChannel(), "ops");
}

TEST_P(ReadingTest, E20_WhatIsKnownOfAChannelFollowsTheRegistry) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_TRUE(ada->endpoint->ChannelReplay("ops"));
  EXPECT_EQ(ada->endpoint->GetChannelConfig("ops"), ChannelConfig{});
  ChannelConfig config;
  config.replay = false;
  config.description = "for operators";
  MW_ASSERT_OK_AND_ASSIGN(config.replay_window, ReplayWindow::Parse("24h"));
  ASSERT_THAT(Trusted().SetChannelConfig("ops", config), IsOk());
  EXPECT_TRUE(Await([&] { return ada->endpoint->GetChannelConfig("ops") == config; }));
  EXPECT_FALSE(ada->endpoint->ChannelReplay("ops"));
  EXPECT_TRUE(ada->endpoint->ChannelReplay("general"));
  ChannelDefaults defaults;
  defaults.replay = false;
  ASSERT_THAT(Trusted().SetChannelDefaults(defaults), IsOk());
  EXPECT_TRUE(Await([&] { return !ada->endpoint->ChannelReplay("general"); }));
  ASSERT_THAT(Trusted().RemoveChannelConfig("ops"), IsOk());
  EXPECT_TRUE(Await([&] { return ada->endpoint->GetChannelConfig("ops") == ChannelConfig{}; }));
  ASSERT_THAT(Trusted().SetChannelDefaults({}), IsOk());
  EXPECT_TRUE(Await([&] { return ada->endpoint->ChannelReplay("ops"); }));
  // A record that can't be read is told of, and the one before it stays.
  ASSERT_THAT(Trusted().SetChannelConfig("ops", config), IsOk());
  EXPECT_TRUE(Await([&] { return ada->endpoint->GetChannelConfig("ops") == config; }));
  ASSERT_THAT(space_->Store(BucketSubject(ChannelBucket("main"), "ops"), "{"), IsOk());
  EXPECT_TRUE(ada->AwaitError("ops"));
  EXPECT_EQ(ada->endpoint->GetChannelConfig("ops"), config);
}

TEST_P(ReadingTest, E20_ATapSeesWhatGoesOverTheBroker) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto admin, Onlooker(Profile::kAdmin));
  Collector<Tapped> chat;
  Collector<Tapped> direct;
  ASSERT_THAT(admin->endpoint->Tap("chat.>", [&](const Tapped& tapped) { chat.Add(tapped); }), IsOk());
  ASSERT_THAT(admin->endpoint->Tap("inst.>", [&](const Tapped& tapped) { direct.Add(tapped); }), IsOk());
  // The broker has them when it has answered a later request of the same connection.
  ASSERT_THAT(admin->endpoint->ChatFrontier(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage said, ada->endpoint->Multicast(Text("said"), "ops"));
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage told, ada->endpoint->Unicast(bob->endpoint->id(), Text("told")));
  MW_ASSERT_OK_AND_ASSIGN(const std::string subject, ChatSubject("main", "MALLORY", "general"));
  const std::string forged = PeerMessage("PEER", "general", "forged");
  ASSERT_THAT(space_->root().Publish(subject, forged), IsOk());
  ASSERT_THAT(space_->root().Publish(subject, PeerMessage("MALLORY", "elsewhere", "astray")), IsOk());

  const std::vector<Tapped> seen = chat.Await(3);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].subject, fmt::format("cotal.main.chat.{}.ops", ada->endpoint->id()));
  EXPECT_EQ(seen[0].payload, EncodeMessage(said));
  EXPECT_EQ(seen[0].message, said);
  EXPECT_EQ(seen[1].payload, forged);
  EXPECT_EQ(seen[1].message, std::nullopt);
  // To whom it went is what the subject says.
  ASSERT_TRUE(seen[2].message.has_value());
  EXPECT_EQ(seen[2].message->destination.name, "general");
  const std::vector<Tapped> between = direct.Await(1);
  ASSERT_EQ(between.size(), 1u);
  EXPECT_EQ(between.front().message, told);

  // It goes on after a reconnect, once for each message.
  ASSERT_THAT(admin->endpoint->Reconnect(), IsOk());
  ASSERT_THAT(ada->endpoint->Multicast(Text("again")), IsOk());
  ASSERT_THAT(ada->endpoint->Multicast(Text("last")), IsOk());
  ASSERT_TRUE(chat.AwaitAny(
      [](const Tapped& tapped) { return tapped.message.has_value() && TextOf(*tapped.message) == "last"; }));
  EXPECT_EQ(chat.Await(0).size(), 5u);
}

TEST_P(ReadingTest, E20_APeerIsResolvedByIdOrByName) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("cy"));
  options.card.name = "bob";
  MW_ASSERT_OK_AND_ASSIGN(const auto other, space_->Enter(options));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_TRUE(ada->presence.AwaitAny(
      [&](const PresenceEvent& event) { return event.presence.card.id == bob->endpoint->id(); }));
  MW_ASSERT_OK_AND_ASSIGN(const Presence by_id, ada->endpoint->ResolvePeer(bob->endpoint->id()));
  EXPECT_EQ(by_id.card.id, bob->endpoint->id());
  EXPECT_THAT(ada->endpoint->ResolvePeer("bob"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("2 peers"), HasSubstr(bob->endpoint->id()),
                             HasSubstr(other->endpoint->id()))));
  EXPECT_THAT(ada->endpoint->ResolvePeer("carol"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("carol")));
  // One who has left is no rival.
  bob->endpoint->Stop();
  ASSERT_TRUE(ada->presence.AwaitAny(
      [](const PresenceEvent& event) { return event.type == PresenceChange::kOffline; }));
  MW_ASSERT_OK_AND_ASSIGN(const Presence found, ada->endpoint->ResolvePeer("bob"));
  EXPECT_EQ(found.card.id, other->endpoint->id());
}

TEST_P(ReadingTest, E20_ReadingNeedsAnEndpointThatHasStarted) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  const auto not_started = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("endpoint not started"));
  EXPECT_THAT(ada->endpoint->ListChannels(), not_started);
  EXPECT_THAT(ada->endpoint->ListMembers("general"), not_started);
  EXPECT_THAT(ada->endpoint->ChannelHistory("general", 1), not_started);
  EXPECT_THAT(ada->endpoint->DmHistory("X", 1), not_started);
  EXPECT_THAT(ada->endpoint->ChatFrontier(), not_started);
  EXPECT_THAT(ada->endpoint->RecallChannel("general", 0), not_started);
}

class AgentReadingTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth)); }
  std::unique_ptr<TestSpace> space_;
};

TEST_F(AgentReadingTest, E20_AnAgentDoesNotLearnTheMembers) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_THAT(ada->endpoint->ListMembers("general"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(ada->endpoint->ListMembers(std::nullopt), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(ada->endpoint->ListChannels(), IsOk());
}

TEST_F(AgentReadingTest, E20_AnAgentReadsNoHistoryThatThePolicyDoesNotGrant) {
  MW_ASSERT_OK_AND_ASSIGN(const auto narrow, space_->Enter("narrow"));
  ASSERT_THAT(space_->Post("ops", "secret"), IsOk());
  ASSERT_THAT(space_->Post("general", "open"), IsOk());
  EXPECT_THAT(narrow->endpoint->ChannelHistory("ops", 10), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(narrow->endpoint->ChannelHistory(">", 10), StatusIs(absl::StatusCode::kPermissionDenied));
  MW_ASSERT_OK_AND_ASSIGN(const auto history, narrow->endpoint->ChannelHistory("general", 10));
  EXPECT_THAT(TextsOf(history), ElementsAre("open"));
}

TEST_F(AgentReadingTest, E20_AnAgentThatTapsIsTold) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  Collector<Tapped> tapped;
  (void)ada->endpoint->Tap("chat.>", [&](const Tapped& seen) { tapped.Add(seen); });
  EXPECT_TRUE(ada->AwaitError("cotal.main.chat.>"));
  ASSERT_THAT(space_->Post("general", "x"), IsOk());
  EXPECT_TRUE(ada->AwaitText("x"));
  EXPECT_THAT(tapped.Await(0), IsEmpty());
}

TEST(IsReachable, E20_AServerThatListensIsReachableWhoeverAsks) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  const std::string url = space->broker().url();
  // It wants creds of us.
  EXPECT_TRUE(IsReachable({url}, kPatience));
  ASSERT_THAT(space->broker().Kill(), IsOk());
  EXPECT_FALSE(IsReachable({url}, kPatience));
  MW_ASSERT_OK_AND_ASSIGN(const auto open, TestSpace::Start(Mode::kOpen));
  EXPECT_TRUE(IsReachable({url, open->broker().url()}, kPatience));
  EXPECT_FALSE(IsReachable({}, kPatience));
  EXPECT_FALSE(IsReachable({"not a url"}, kPatience));
}

TEST(IsReachable, E20_AServerThatDoesNotAnswerIsNotReachable) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kOpen));
  ASSERT_THAT(space->broker().Stop(), IsOk());
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(IsReachable({space->broker().url()}, std::chrono::milliseconds(300)));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  ASSERT_THAT(space->broker().Continue(), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::e20_reading_test
