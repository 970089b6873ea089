// E13: joining and leaving channels.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e13_joining_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JoiningTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter("bob"));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
    options.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(options)));
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(ada_->endpoint->Multicast(Text(text), channel), IsOk());
  }
  std::vector<std::string> Filter() {
    return space_->FilterOf(bob_->endpoint->id()).value_or(std::vector<std::string>{});
  }

  std::unique_ptr<Member> bob_;
  std::unique_ptr<Member> ada_;
};
INSTANTIATE_TEST_SUITE_P(, JoiningTest, kBothModes, kModeName);

TEST_P(JoiningTest, E13_AJoinBringsTheHistoryAndThenWhatComes) {
  Send("ops", "old 1");
  Send("ops", "old 2");
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult first, bob_->endpoint->JoinChannel("ops"));
  EXPECT_TRUE(first.joined);
  EXPECT_EQ(first.backfilled, 2u);
  EXPECT_FALSE(first.history_owed);
  Send("ops", "new");
  ASSERT_THAT(bob_->Texts(3), ElementsAre("old 1", "old 2", "new"));
  const auto messages = bob_->messages.Await(3);
  EXPECT_TRUE(messages[0].historical);
  EXPECT_TRUE(messages[1].historical);
  EXPECT_FALSE(messages[2].historical);
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult second, bob_->endpoint->JoinChannel("ops"));
  EXPECT_FALSE(second.joined);
  EXPECT_EQ(second.backfilled, 0u);
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  EXPECT_THAT(Filter(), ElementsAre("general", "ops"));
  Send("general", "end");
  EXPECT_EQ(bob_->Texts(4).size(), 4u);
}

TEST_P(JoiningTest, E13_LeavingStopsTheDeliveryAndTheLastChannelStays) {
  ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(bob_->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  EXPECT_THAT(bob_->endpoint->LeaveChannel("ops"), IsOkAndHolds(false));
  EXPECT_THAT(Filter(), ElementsAre("general"));
  Send("ops", "unheard");
  Send("general", "heard");
  EXPECT_THAT(bob_->Texts(1), ElementsAre("heard"));
  const auto last = bob_->endpoint->LeaveChannel("general");
  EXPECT_EQ(last.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(last.status().message()), HasSubstr("only channel"));
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
  EXPECT_THAT(Filter(), ElementsAre("general"));
}

// A stay begins with the history, also one that is not the first.
TEST_P(JoiningTest, E13_WhoeverComesBackIsToldOfWhatThereIs) {
  Send("ops", "history");
  ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  Send("ops", "live");
  ASSERT_THAT(bob_->Texts(2), ElementsAre("history", "live"));
  ASSERT_THAT(bob_->endpoint->LeaveChannel("ops"), IsOk());
  Send("ops", "meanwhile");
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult again, bob_->endpoint->JoinChannel("ops"));
  EXPECT_EQ(again.backfilled, 3u);
  EXPECT_THAT(bob_->Texts(5), ElementsAre("history", "live", "history", "live", "meanwhile"));
  const auto messages = bob_->messages.Await(5);
  EXPECT_THAT((std::vector{messages[2].historical, messages[3].historical, messages[4].historical}),
              ElementsAre(true, true, true));
}

TEST_P(JoiningTest, E13_WhatAnotherJoinedChannelBroughtIsNotToldAgain) {
  Send("team.a", "a");
  Send("team.b", "b");
  ASSERT_THAT(bob_->endpoint->JoinChannel("team.a"), IsOk());
  ASSERT_THAT(bob_->Texts(1), ElementsAre("a"));
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult wider, bob_->endpoint->JoinChannel("team.>"));
  EXPECT_EQ(wider.backfilled, 1u);
  ASSERT_THAT(bob_->endpoint->LeaveChannel("team.a"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult again, bob_->endpoint->JoinChannel("team.a"));
  EXPECT_EQ(again.backfilled, 0u);
  Send("general", "end");
  EXPECT_THAT(bob_->Texts(3), ElementsAre("a", "b", "end"));
}

// Whoever joins the channel again finds it in the history.
TEST_P(JoiningTest, E13_WhatWaitsWhenItsChannelIsLeftIsNotHandedOver) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("bob"));
  Collector<bool> release;
  Member member;
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& message) {
    member.messages.Add(message);
    if (TextOf(message.message) == "hold") release.Await(1);
    (void)message.settle.Ack();
  };
  MW_ASSERT_OK_AND_ASSIGN(member.endpoint, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(member.endpoint->Start(), IsOk());
  ASSERT_THAT(member.endpoint->JoinChannel("ops"), IsOk());
  Send("general", "hold");
  ASSERT_TRUE(member.AwaitText("hold"));
  Send("ops", "waits");
  ASSERT_TRUE(Eventually([&] {
    const auto info = space_->root_api().GetConsumer("CHAT_main", ChatDurable(options.card.id));
    return info.ok() && info->delivered_consumer_seq == 2;
  }));
  ASSERT_THAT(member.endpoint->ChatFrontier(), IsOk());  // it has come before the answer
  const absl::StatusOr<bool> left = member.endpoint->LeaveChannel("ops");
  Send("general", "after");
  release.Add(true);
  EXPECT_THAT(left, IsOkAndHolds(true));
  EXPECT_THAT(member.Texts(2), ElementsAre("hold", "after"));
  EXPECT_THAT(member.endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(member.Texts(3), ElementsAre("hold", "after", "waits"));
}

TEST_P(JoiningTest, E13_AHandlerMayJoinAndLeave) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  Member member;
  Collector<std::string> results;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) {
    (void)message.settle.Ack();
    const std::string text = TextOf(message.message);
    if (text == "join") {
      const auto joined = member.endpoint->JoinChannel("ops");
      results.Add(joined.ok() ? fmt::format("joined {}", joined->backfilled) : "failed");
    } else if (text == "leave") {
      const auto left = member.endpoint->LeaveChannel("ops");
      results.Add(left.ok() ? "left" : "failed");
    } else {
      results.Add(text);
    }
  };
  MW_ASSERT_OK_AND_ASSIGN(member.endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
  ASSERT_THAT(member.endpoint->Start(), IsOk());
  Send("ops", "history");
  Send("general", "join");
  ASSERT_THAT(results.Await(2), ElementsAre("joined 1", "history"));
  Send("general", "leave");
  EXPECT_THAT(results.Await(3), ElementsAre("joined 1", "history", "left"));
}

// The handler itself can't be waited for: what it has no room for follows later.
TEST_P(JoiningTest, E13_AHandlerThatJoinsIsNotBuriedInHistory) {
  constexpr std::size_t kMessages = 1500;
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  Member member;
  Collector<std::size_t> backfilled;
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& message) {
    (void)message.settle.Ack();
    if (message.historical) return member.messages.Add(message);
    const auto joined = member.endpoint->JoinChannel("ops");
    if (joined.ok()) backfilled.Add(joined->backfilled);
  };
  MW_ASSERT_OK_AND_ASSIGN(member.endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
  ASSERT_THAT(member.endpoint->Start(), IsOk());
  for (std::size_t i = 0; i < kMessages; ++i) {
    ASSERT_THAT(space_->Post("ops", fmt::format("{}", i), i % 2 == 0 ? "EVEN" : "ODD"), IsOk());
  }
  Send("general", "join");
  ASSERT_EQ(backfilled.Await(1).size(), 1u);
  EXPECT_GT(backfilled.Await(1)[0], 0u);
  EXPECT_LT(backfilled.Await(1)[0], 1000u);
  const std::vector<std::string> texts = member.Texts(kMessages);
  ASSERT_EQ(texts.size(), kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) EXPECT_EQ(texts[i], fmt::format("{}", i));
}

// A filter that moves under a busy publisher: each stay begins with the history, so the last one brings all
// messages, and each once; live none comes twice in all.
TEST_P(JoiningTest, E13_JoinsAndLeavesUnderLoadLoseAndDoubleNothing) {
  constexpr int kRounds = 20;
  constexpr int kMost = 5000;  // each join reads them all; with this many senders, the broker keeps them
  constexpr int kSenders = 40;
  std::atomic<bool> stop{false};
  std::atomic<int> sent{0};
  std::thread publisher([&] {
    while (!stop && sent < kMost) {
      const std::string sender = fmt::format("PEER{}", sent % kSenders);
      if (space_->Post("ops", fmt::format("{}", sent.load()), sender).ok()) ++sent;
    }
  });
  std::string problem;
  std::size_t last_stay = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round == kRounds - 1) {
      // Behind what an earlier stay may still bring.
      Send("general", "mark");
      if (!bob_->AwaitText("mark")) problem += "no mark ";
      last_stay = bob_->messages.Await(0).size();
    }
    const auto joined = bob_->endpoint->JoinChannel("ops");
    if (!joined.ok()) problem += fmt::format("join {}: {} ", round, MessageOf(joined.status()));
    const int from = sent;
    while (sent < std::min(from + 20, kMost)) std::this_thread::yield();
    if (round == kRounds - 1) break;
    const auto left = bob_->endpoint->LeaveChannel("ops");
    if (!left.ok()) problem += fmt::format("leave {}: {} ", round, MessageOf(left.status()));
  }
  stop = true;
  publisher.join();
  ASSERT_EQ(problem, "");
  Send("ops", "end");
  const auto count = last_stay + static_cast<std::size_t>(sent) + 1;
  EXPECT_EQ(bob_->Texts(count).size(), count);
  ASSERT_TRUE(bob_->AwaitText("end"));
  std::map<std::string, int> in_last_stay;
  std::map<std::string, int> live;
  const std::vector<ReceivedMessage> messages = bob_->messages.Await(0);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string text = TextOf(messages[i].message);
    if (i >= last_stay) ++in_last_stay[text];
    if (!messages[i].historical) ++live[text];
  }
  for (int i = 0; i < sent; ++i) {
    EXPECT_EQ(in_last_stay[fmt::format("{}", i)], 1) << i;
    EXPECT_LE(live[fmt::format("{}", i)], 1) << i;
  }
}

TEST_P(JoiningTest, E13_WhoeverBeginsWithNoChannelMayJoinOne) {
  Send("ops", "old");
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.channels.emplace();
  MW_ASSERT_OK_AND_ASSIGN(const auto member, space_->Enter(std::move(options)));
  EXPECT_THAT(member->endpoint->JoinedChannels(), IsEmpty());
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, member->endpoint->JoinChannel("ops"));
  EXPECT_TRUE(joined.joined);
  EXPECT_EQ(joined.backfilled, 1u);
  EXPECT_THAT(*space_->FilterOf(member->endpoint->id()), ElementsAre("ops"));
  Send("ops", "new");
  EXPECT_THAT(member->Texts(2), ElementsAre("old", "new"));
  ASSERT_THAT(member->endpoint->Reconnect(), IsOk());
  Send("ops", "newer");
  EXPECT_THAT(member->Texts(3), ElementsAre("old", "new", "newer"));
}

TEST_P(JoiningTest, E13_WithoutADurableAFirstJoinSaysWhatIsMissing) {
  if (GetParam() == Mode::kOpen) return;  // it makes its own
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.channels.emplace();
  ASSERT_THAT(space_->root_api().DeleteConsumer("CHAT_main", ChatDurable(options.card.id)), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto member, space_->Enter(std::move(options)));
  EXPECT_THAT(member->endpoint->JoinChannel("ops"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not pre-created")));
  EXPECT_THAT(member->endpoint->JoinedChannels(), IsEmpty());
}

TEST_P(JoiningTest, E13_WhatIsNoChannelIsRefused) {
  for (const std::string bad : {"", "a..b", "foo/bar", "a b", "a.>.b"}) {
    EXPECT_EQ(bob_->endpoint->JoinChannel(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_THAT(Filter(), ElementsAre("general"));
}

}  // namespace
}  // namespace meshwarden::testing::e13_joining_test
