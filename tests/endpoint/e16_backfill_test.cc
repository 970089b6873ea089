// E16: the history that a newcomer hears.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e16_backfill_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BackfillTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
    options.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(options)));
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter("bob"));
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(ada_->endpoint->Multicast(Text(text), channel), IsOk());
  }
  void Configure(const std::string& channel, std::optional<bool> replay, const std::string& window = "") {
    ChannelConfig config;
    config.replay = replay;
    if (!window.empty()) config.replay_window = ReplayWindow::Parse(window).value();
    ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelConfig(channel, config), IsOk());
  }
  void ConfigureDefaults(std::optional<bool> replay, const std::string& window = "") {
    ChannelDefaults defaults;
    defaults.replay = replay;
    if (!window.empty()) defaults.replay_window = ReplayWindow::Parse(window).value();
    ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelDefaults(defaults), IsOk());
  }
  // Joins `channel` and returns what it heard of the history before a last message of its own.
  std::vector<std::string> HistoryOf(const std::string& channel, const std::string& say_in = "") {
    const auto joined = bob_->endpoint->JoinChannel(channel);
    EXPECT_THAT(joined, IsOk());
    const std::string mark = "now in " + channel;
    Send(say_in.empty() ? channel : say_in, mark);
    EXPECT_TRUE(bob_->AwaitText(mark));
    std::vector<std::string> texts;
    for (const ReceivedMessage& message : bob_->messages.Await(0)) {
      if (message.historical) texts.push_back(TextOf(message.message));
    }
    // Right after the start what is owed may be read for the join by the thread that fetches it, which is
    // then not counted here.
    if (joined.ok() && joined->backfilled != 0) {
      EXPECT_EQ(joined->backfilled, texts.size() - heard_);
    }
    texts.erase(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(heard_));
    heard_ += texts.size();
    return texts;
  }

  std::unique_ptr<Member> ada_;
  std::unique_ptr<Member> bob_;
  std::size_t heard_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, BackfillTest, kBothModes, kModeName);

TEST_P(BackfillTest, E16_AChannelThatDeniesReplayHasNoHistoryButIsLive) {
  Configure("quiet", false);
  Send("quiet", "unheard");
  Send("ops", "heard");
  EXPECT_THAT(HistoryOf("quiet"), IsEmpty());
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("heard"));
}

// The durable goes on from where it is: when its filter moves it also brings what it had not come to yet,
// however old that is.
TEST_P(BackfillTest, E16_WhatIsOlderThanTheJoinDoesNotComeLiveEither) {
  constexpr int kMoreThanIsPulled = 600;
  Configure("ops", false);
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  Collector<bool> release;
  Member member;
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& message) {
    release.Await(1);
    member.messages.Add(message);
    (void)message.settle.Ack();
  };
  MW_ASSERT_OK_AND_ASSIGN(member.endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
  ASSERT_THAT(member.endpoint->Start(), IsOk());
  for (int i = 0; i < kMoreThanIsPulled; ++i) Send("general", "filler");
  Send("ops", "before the join");
  const absl::StatusOr<JoinResult> joined = member.endpoint->JoinChannel("ops");
  Send("ops", "after the join");
  release.Add(true);
  EXPECT_THAT(joined, IsOk());
  EXPECT_TRUE(member.AwaitText("after the join"));
  EXPECT_FALSE(member.AwaitText("before the join", std::chrono::milliseconds(0)));
}

TEST_P(BackfillTest, E16_ThePolicyIsReadAfreshForEachJoin) {
  Send("quiet", "one");
  EXPECT_THAT(HistoryOf("quiet"), ElementsAre("one"));
  ASSERT_THAT(bob_->endpoint->LeaveChannel("quiet"), IsOk());
  Send("quiet", "two");
  Configure("quiet", false);
  EXPECT_THAT(HistoryOf("quiet"), IsEmpty());
}

TEST_P(BackfillTest, E16_DefaultsHoldForChannelsThatSayNothing) {
  ConfigureDefaults(false);
  Configure("ops", true);
  Send("quiet", "unheard");
  Send("ops", "heard");
  Send("team.a", "unheard too");
  EXPECT_THAT(HistoryOf("quiet"), IsEmpty());
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("heard"));
  EXPECT_THAT(HistoryOf("team.>", "team.a"), IsEmpty());
}

TEST_P(BackfillTest, E16_APatternGoesByTheDefaultsOnly) {
  Configure("team.a", false);
  Send("team.a", "one");
  Send("team.b", "two");
  EXPECT_THAT(HistoryOf("team.>", "team.c"), ElementsAre("one", "two"));
}

TEST_P(BackfillTest, E16_TheWindowLeavesOutWhatIsOlder) {
  Send("ops", "old");
  const auto stored = std::chrono::steady_clock::now();
  Configure("ops", std::nullopt, "2s");
  // The clock must go on for the message to age: watch the broker meanwhile.
  while (std::chrono::steady_clock::now() - stored < std::chrono::milliseconds(2100)) {
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
  }
  Send("ops", "young");
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("young"));
  Configure("quiet", std::nullopt, "1h");
  Send("quiet", "within");
  EXPECT_THAT(HistoryOf("quiet"), ElementsAre("within"));
}

TEST_P(BackfillTest, E16_AWindowOfAgesIsNoBound) {
  Configure("ops", std::nullopt, "99999d");
  Send("ops", "old");
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("old"));
}

TEST_P(BackfillTest, E16_OwnMessagesAndForgedOnesAreLeftOut) {
  ASSERT_THAT(bob_->endpoint->Multicast(Text("mine"), "ops"), IsOk());
  Send("ops", "theirs");
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.ops", PeerMessage("VICTIM", "ops", "forged")), IsOk());
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.ops", "no JSON"), IsOk());
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("theirs"));
  EXPECT_TRUE(bob_->AwaitError("is not its sender"));
  EXPECT_TRUE(bob_->AwaitError("can't be read"));
}

TEST_P(BackfillTest, E16_ACopyInTheHistoryIsHandedOverOnce) {
  const std::string copied = PeerMessage("PEER", "ops", "once");
  for (int i = 0; i < 3; ++i) ASSERT_THAT(space_->Store("cotal.main.chat.PEER.ops", copied), IsOk());
  EXPECT_THAT(HistoryOf("ops"), ElementsAre("once"));
}

// The credential's right star.* is a live one only: history is granted by name.
TEST(NarrowBackfillTest, E16_WithoutTheRightToTheHistoryTheChannelIsLiveAndSaysSo) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  ASSERT_THAT(space->StartManager(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto narrow, space->Enter("narrow"));
  ASSERT_THAT(space->Post("star.x", "old"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, narrow->endpoint->JoinChannel("star.x"));
  EXPECT_TRUE(joined.joined);
  EXPECT_EQ(joined.backfilled, 0u);
  EXPECT_TRUE(narrow->AwaitError("no history of channel \"star.x\""));
  ASSERT_THAT(space->Post("star.x", "new"), IsOk());
  EXPECT_THAT(narrow->Texts(1), ElementsAre("new"));
  EXPECT_THAT(narrow->endpoint->JoinedChannels(), ElementsAre("general", "star.x"));
}

}  // namespace
}  // namespace meshwarden::testing::e16_backfill_test
