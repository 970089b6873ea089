// E12: an endpoint that was given no channels reads what its chat durable reads, whoever moves that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e12_following_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Channels = std::vector<std::string>;

class FollowingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    ASSERT_THAT(space_->StartManager(), IsOk());
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.channels.reset();
    // It looks at its filter after eight of them.
    options_.heartbeat = milliseconds(50);
  }
  absl::Status Move(const Channels& channels) { return space_->MoveFilterOf(options_.card.id, channels); }
  absl::Status Park() {
    MW_ASSIGN_OR_RETURN(ConsumerInfo info,
                        space_->root_api().GetConsumer(ChatStream("main"), ChatDurable(options_.card.id)));
    const ConsumerConfig parked = ParkedChatDurableConfig("main", options_.card.id);
    info.config.filter_subject = parked.filter_subject;
    info.config.filter_subjects = parked.filter_subjects;
    return space_->root_api().UpdateConsumer(ChatStream("main"), info.config).status();
  }
  Channels Filter() { return space_->FilterOf(options_.card.id).value_or(Channels{}); }
  static bool AwaitJoined(Member& member, const Channels& channels) {
    return Eventually([&] { return member->JoinedChannels() == channels; });
  }

  std::unique_ptr<TestSpace> space_;
  EndpointOptions options_;
};

TEST_F(FollowingTest, E12_WhatTheDurableReadsIsRead) {
  ASSERT_THAT(Move({"general", "team.>", "ops"}), IsOk());
  ASSERT_THAT(space_->Post("ops", "before"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), UnorderedElementsAre("general", "team.>", "ops"));
  // On the first bind of all with what was said before.
  EXPECT_TRUE(bob->AwaitText("before"));
  ASSERT_THAT(space_->Post("team.deep.down", "live"), IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("before", "live"));
}

TEST_F(FollowingTest, E12_TheNextJoinKeepsWhatTheDurableReads) {
  ASSERT_THAT(Move({"general", "room.>"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(bob->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("general", "ops", "room.>"));
  EXPECT_THAT(bob->endpoint->LeaveChannel("general"), IsOkAndHolds(true));
  EXPECT_THAT(Filter(), ElementsAre("ops", "room.>"));
}

TEST_F(FollowingTest, E12_ANextProcessGoesOnWhereTheDurableWasMovedTo) {
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
    ASSERT_THAT(space_->Post("general", "first"), IsOk());
    ASSERT_TRUE(bob->AwaitText("first"));
    bob->endpoint->Stop();
  }
  ASSERT_THAT(Move({"quiet", "ops"}), IsOk());
  ASSERT_THAT(space_->Post("ops", "meanwhile"), IsOk());
  ASSERT_THAT(space_->Post("general", "not ours"), IsOk());
  ASSERT_THAT(space_->Post("quiet", "too"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), UnorderedElementsAre("quiet", "ops"));
  EXPECT_THAT(bob->Texts(2), ElementsAre("meanwhile", "too"));
}

// Not only from the look on at which it is noticed: the broker delivers it at once.
TEST_F(FollowingTest, E12_WhatIsAddedToARunningOneIsReadFromTheFirstMessageOn) {
  options_.heartbeat = std::chrono::seconds(10);
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(Move({"general", "ops"}), IsOk());
  ASSERT_THAT(space_->Post("ops", "at once"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("at once"));
  // Long before a look: the join itself must find it, and say it.
  EXPECT_THAT(bob->endpoint->JoinedChannels(), ElementsAre("general"));
  ASSERT_THAT(bob->endpoint->JoinChannel("quiet"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("general", "ops", "quiet"));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), ElementsAre("general", "ops", "quiet"));
  ASSERT_THAT(space_->Post("ops", "then"), IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("at once", "then"));
}

TEST_F(FollowingTest, E12_WhatIsAddedIsJoinedAtTheNextLookWithItsHistory) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(space_->Post("ops", "before"), IsOk());
  ASSERT_THAT(Move({"general", "ops"}), IsOk());
  EXPECT_TRUE(AwaitJoined(*bob, {"general", "ops"}));
  EXPECT_THAT(bob->Texts(1), ElementsAre("before"));
  EXPECT_THAT(bob->endpoint->JoinChannel("ops").value().joined, false);
}

TEST_F(FollowingTest, E12_JoiningWhatWasJustAddedTellsNothingTwice) {
  options_.heartbeat = std::chrono::seconds(10);
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(space_->Post("ops", "before"), IsOk());
  // The durable's place lies behind it by then.
  ASSERT_THAT(space_->Post("general", "first"), IsOk());
  ASSERT_TRUE(bob->AwaitText("first"));
  ASSERT_THAT(Move({"general", "ops"}), IsOk());
  ASSERT_THAT(space_->Post("ops", "live"), IsOk());
  ASSERT_TRUE(bob->AwaitText("live"));
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob->endpoint->JoinChannel("ops"));
  EXPECT_TRUE(joined.joined);
  EXPECT_EQ(joined.backfilled, 1u);
  ASSERT_THAT(space_->Post("ops", "after"), IsOk());
  EXPECT_THAT(bob->Texts(4), ElementsAre("first", "live", "before", "after"));
}

TEST_F(FollowingTest, E12_WhatIsLeftIsNotTakenForAddedAgain) {
  ASSERT_THAT(Move({"general", "ops"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(bob->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  ASSERT_THAT(space_->Post("ops", "unheard"), IsOk());
  ASSERT_THAT(space_->Post("general", "heard"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("heard"));
  EXPECT_FALSE(
      Eventually([&] { return bob->endpoint->JoinedChannels() != Channels{"general"}; }, milliseconds(1000)));
  EXPECT_THAT(Filter(), ElementsAre("general"));
}

TEST_F(FollowingTest, E12_AParkedDurableIsToldAndReadOnceItIsMoved) {
  ASSERT_THAT(Park(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), IsEmpty());
  EXPECT_TRUE(bob->AwaitError("is parked"));
  ASSERT_THAT(Move({"general"}), IsOk());
  ASSERT_THAT(space_->Post("general", "back"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("back"));
  EXPECT_TRUE(AwaitJoined(*bob, {"general"}));
}

TEST_F(FollowingTest, E12_AParkedOneMayJoinWhatThePolicyAllows) {
  ASSERT_THAT(Park(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(bob->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("ops"));
  ASSERT_THAT(space_->Post("ops", "live"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("live"));
}

// A list that was given stays what it is.
TEST_F(FollowingTest, E12_OneWithAListOfItsOwnDoesNotFollow) {
  options_.channels = Channels{"general"};
  ASSERT_THAT(Move({"general", "ops"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(space_->Post("ops", "not asked for"), IsOk());
  ASSERT_THAT(space_->Post("general", "heard"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("heard"));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), ElementsAre("general"));
}

}  // namespace
}  // namespace meshwarden::testing::e12_following_test
