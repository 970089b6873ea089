#include "endpoint/channels/joined_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::joined_channels_test {
namespace {

using Live = JoinedChannels::Live;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

PendingBackfill Backfill(std::string channel, std::uint64_t next_seq, std::uint64_t until) {
  PendingBackfill backfill{};
  backfill.channel = std::move(channel);
  backfill.next_seq = next_seq;
  backfill.until = until;
  return backfill;
}

// Without their numbers.
std::vector<PendingBackfill> Pending(const JoinedChannels& joined) {
  std::vector<PendingBackfill> backfills = joined.Backfills();
  for (PendingBackfill& backfill : backfills) backfill.number = 0;
  return backfills;
}

TEST(JoinedChannelsTest, InitialOnesAreJoinedWithoutWatermarks) {
  const JoinedChannels joined({"team.>", "general", "team.>"});
  EXPECT_THAT(joined.List(), ElementsAre("team.>", "general"));
  EXPECT_EQ(joined.Judge("general", 1), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team.a", 1), Live::kDeliver);
  EXPECT_THAT(joined.Backfills(), IsEmpty());
}

TEST(JoinedChannelsTest, ContainsComparesNamesNotSets) {
  const JoinedChannels joined({"team.>"});
  EXPECT_TRUE(joined.Contains("team.>"));
  EXPECT_FALSE(joined.Contains("team.a"));
}

TEST(JoinedChannelsTest, DefaultChannelIsTheFirstConcreteOneOrGeneral) {
  EXPECT_EQ(JoinedChannels({"team.>", "b", "a"}).DefaultChannel(), "b");
  EXPECT_EQ(JoinedChannels({"team.>", "*"}).DefaultChannel(), "general");
  EXPECT_EQ(JoinedChannels({}).DefaultChannel(), "general");
}

TEST(JoinedChannelsTest, ArmedChannelIsNeitherListedNorTheDefaultButDelivers) {
  JoinedChannels joined({"*"});
  joined.Arm("team.a", 10);
  EXPECT_THAT(joined.List(), ElementsAre("*"));
  EXPECT_FALSE(joined.Contains("team.a"));
  EXPECT_EQ(joined.DefaultChannel(), "general");
  EXPECT_EQ(joined.Judge("team.a", 10), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.a", 11), Live::kDeliver);
}

TEST(JoinedChannelsTest, JoinKeepsTheWatermarkThatWasArmed) {
  JoinedChannels joined({});
  joined.Arm("a", 10);
  joined.Join("a");
  EXPECT_THAT(joined.List(), ElementsAre("a"));
  EXPECT_EQ(joined.Judge("a", 10), Live::kBelowWatermark);
  joined.Join("a");
  EXPECT_EQ(joined.Judge("a", 10), Live::kBelowWatermark);
}

TEST(JoinedChannelsTest, JoinOfOneNotArmedDeliversAll) {
  JoinedChannels joined({});
  joined.Join("a");
  EXPECT_TRUE(joined.Contains("a"));
  EXPECT_EQ(joined.Judge("a", 1), Live::kDeliver);
}

TEST(JoinedChannelsTest, OrderIsThatOfJoiningNotOfArming) {
  JoinedChannels joined({"x"});
  joined.Arm("a", 1);
  joined.Arm("b", 2);
  joined.Join("b");
  joined.Join("a");
  joined.Join("x");
  EXPECT_THAT(joined.List(), ElementsAre("x", "b", "a"));
  EXPECT_EQ(joined.Judge("a", 2), Live::kDeliver) << "each keeps its own watermark";
  EXPECT_EQ(joined.Judge("b", 2), Live::kBelowWatermark);
}

TEST(JoinedChannelsTest, ArmingAJoinedOneSetsItsWatermark) {
  JoinedChannels joined({"a"});
  joined.Arm("a", 5);
  EXPECT_TRUE(joined.Contains("a"));
  EXPECT_EQ(joined.Judge("a", 5), Live::kBelowWatermark);
}

TEST(JoinedChannelsTest, DisarmUndoesArmButLeavesAJoinedOneAlone) {
  JoinedChannels joined({"a"});
  joined.Arm("a", 5);
  joined.Arm("b", 5);
  joined.Disarm("a");
  joined.Disarm("b");
  joined.Disarm("unknown");
  EXPECT_THAT(joined.List(), ElementsAre("a"));
  EXPECT_EQ(joined.Judge("a", 5), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("b", 6), Live::kNotJoined);
}

TEST(JoinedChannelsTest, LeavingTakesWatermarkAndBackfillAlong) {
  JoinedChannels joined({"a", "b"});
  joined.Arm("a", 5);
  joined.AddBackfill(Backfill("a", 1, 5));
  joined.Leave("a");
  joined.Leave("unknown");
  EXPECT_THAT(joined.List(), ElementsAre("b"));
  EXPECT_THAT(joined.Backfills(), IsEmpty());
  EXPECT_EQ(joined.Judge("a", 6), Live::kNotJoined);
  joined.Join("a");
  EXPECT_EQ(joined.Judge("a", 5), Live::kDeliver);
}

TEST(JoinedChannelsTest, TailWildcardDoesNotMatchItsOwnStem) {
  const JoinedChannels joined({"team.>"});
  EXPECT_EQ(joined.Judge("team", 1), Live::kNotJoined);
  EXPECT_EQ(joined.Judge("team.a", 1), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team.x.y", 1), Live::kDeliver);
  EXPECT_EQ(joined.Judge("teams.a", 1), Live::kNotJoined);
}

TEST(JoinedChannelsTest, StarMatchesExactlyOneSegment) {
  const JoinedChannels joined({"team.*"});
  EXPECT_EQ(joined.Judge("team.a", 1), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team", 1), Live::kNotJoined);
  EXPECT_EQ(joined.Judge("team.a.b", 1), Live::kNotJoined);
}

TEST(JoinedChannelsTest, ChannelsWithAStemInCommonHaveWatermarksOfTheirOwn) {
  JoinedChannels joined({});
  joined.Arm("team", 10);
  joined.Arm("team.>", 20);
  EXPECT_EQ(joined.Judge("team", 15), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team", 10), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.a", 15), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.x.y", 20), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.x.y", 21), Live::kDeliver);
}

TEST(JoinedChannelsTest, OnePatternThatDeliversIsEnough) {
  JoinedChannels joined({});
  joined.Arm("team.>", 20);
  joined.Arm("team.a", 10);
  joined.Arm("team.*", 15);
  EXPECT_EQ(joined.Judge("team.a", 10), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.a", 11), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team.b", 15), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.b", 16), Live::kDeliver);
  EXPECT_EQ(joined.Judge("team.b.c", 16), Live::kBelowWatermark);
  EXPECT_EQ(joined.Judge("team.b.c", 21), Live::kDeliver);
  joined.Leave("team.a");
  EXPECT_EQ(joined.Judge("team.a", 11), Live::kBelowWatermark);
}

TEST(JoinedChannelsTest, BackfillIsOneOfAChannelAndIsReplaced) {
  JoinedChannels joined({"a", "team.>"});
  joined.AddBackfill(Backfill("team.>", 1, 9));
  joined.AddBackfill(Backfill("a", 1, 5));
  joined.AddBackfill(Backfill("a", 6, 8));
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 6, 8), Backfill("team.>", 1, 9)));
}

TEST(JoinedChannelsTest, BackfillOutlivesTheStepFromArmedToJoined) {
  JoinedChannels joined({});
  joined.Arm("a", 5);
  joined.AddBackfill(Backfill("a", 1, 5));
  joined.Join("a");
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 1, 5)));
}

TEST(JoinedChannelsTest, ProgressGoesOnBySequence) {
  JoinedChannels joined({"a"});
  PendingBackfill since = Backfill("a", 1, 9);
  since.since = std::chrono::system_clock::time_point(std::chrono::hours(1));
  joined.AddBackfill(since);
  EXPECT_THAT(Pending(joined), ElementsAre(since));
  joined.Progress(joined.Backfills()[0], 4);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 4, 9)));
}

TEST(JoinedChannelsTest, FinishedBackfillIsGoneAndTheOthersStay) {
  JoinedChannels joined({"a", "b", "c"});
  for (const char* channel : {"a", "b", "c"}) joined.AddBackfill(Backfill(channel, 1, 5));
  const std::vector<PendingBackfill> all = joined.Backfills();
  joined.Progress(all[0], 6);
  joined.DropBackfill(all[2]);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("b", 1, 5)));
}

TEST(JoinedChannelsTest, WhoeverReadsAnEarlierBackfillDoesNotTouchTheOneThatReplacedIt) {
  JoinedChannels joined({"a"});
  joined.AddBackfill(Backfill("a", 1, 5));
  const PendingBackfill earlier = joined.Backfills().at(0);
  joined.AddBackfill(Backfill("a", 1, 9));
  joined.Progress(earlier, 4);
  joined.DropBackfill(earlier);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 1, 9)));
}

// Nothing was published meanwhile, so that both end at the same message.
TEST(JoinedChannelsTest, WhoeverReadsTheBackfillOfAnEarlierStayDoesNotTouchTheOneOfThis) {
  JoinedChannels joined({"a"});
  joined.AddBackfill(Backfill("a", 1, 5));
  const PendingBackfill earlier = joined.Backfills().at(0);
  joined.Leave("a");
  joined.Join("a");
  joined.AddBackfill(Backfill("a", 1, 5));
  joined.Progress(earlier, 4);
  joined.Progress(earlier, 6);
  joined.DropBackfill(earlier);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 1, 5)));
}

TEST(JoinedChannelsTest, WhatIsOwedBesidesWhileABackfillIsReadIsReadAfterIt) {
  JoinedChannels joined({"a"});
  joined.AddBackfill(Backfill("a", 1, 5));
  const PendingBackfill read = joined.Backfills().at(0);
  joined.Owe("a", 5, 9);
  joined.Progress(read, 6);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 6, 9)));
}

TEST(JoinedChannelsTest, IsJoinedBesidesLooksForAnotherThatCoversTheChannel) {
  JoinedChannels joined({"team.>", "team.a", "other"});
  joined.Arm("*.a", 5);
  EXPECT_TRUE(joined.IsJoinedBesides("team.a", "team.a"));
  EXPECT_TRUE(joined.IsJoinedBesides("team.a", "team.>"));
  EXPECT_FALSE(joined.IsJoinedBesides("team.b", "team.>"));
  EXPECT_FALSE(joined.IsJoinedBesides("other", "other"));
  EXPECT_FALSE(joined.IsJoinedBesides("x.a", "x.a")) << "armed only";
}

TEST(JoinedChannelsTest, TellsTheWatermarkOfOneThatIsArmedOrJoined) {
  JoinedChannels joined({"a"});
  joined.Arm("b", 7);
  EXPECT_EQ(joined.Watermark("a"), 0u);
  EXPECT_EQ(joined.Watermark("b"), 7u);
  EXPECT_EQ(joined.Watermark("c"), 0u);
}

TEST(JoinedChannelsTest, OwesWhatWasMissedSinceFromEachWatermarkOn) {
  JoinedChannels joined({"a", "late"});
  joined.Arm("late", 15);
  joined.Arm("not joined", 3);
  for (const char* channel : {"a", "late", "not joined", "unknown"}) joined.Owe(channel, 10, 20);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 11, 20), Backfill("late", 16, 20)));
  // What comes live all the same is taken.
  EXPECT_EQ(joined.Judge("a", 20), Live::kDeliver);
}

// What was stored late was to come live; once it is owed it is part of the history whenever it was stored.
TEST(JoinedChannelsTest, WhatIsOwedHasNoBoundInTime) {
  JoinedChannels joined({"a"});
  PendingBackfill backfill;
  backfill.channel = "a";
  backfill.until = 5;
  backfill.before = 1000;
  joined.AddBackfill(backfill);
  ASSERT_EQ(joined.Backfills().front().before, 1000u);
  joined.Owe("a", 5, 9);
  EXPECT_EQ(joined.Backfills().front().until, 9u);
  EXPECT_EQ(joined.Backfills().front().before, 0u);
}

TEST(JoinedChannelsTest, OwesWhatWasOwedAlreadyBesides) {
  JoinedChannels joined({"a", "b"});
  joined.Arm("a", 9);
  joined.AddBackfill(Backfill("a", 4, 9));
  joined.Owe("a", 20, 20);
  joined.Owe("b", 20, 20);
  EXPECT_THAT(Pending(joined), ElementsAre(Backfill("a", 4, 20)));
}

TEST(JoinedChannelsTest, BackfillOfAChannelLeftMeanwhileIsIgnored) {
  JoinedChannels joined({"a", "b"});
  joined.AddBackfill(Backfill("a", 1, 5));
  const PendingBackfill read = joined.Backfills().at(0);
  joined.Leave("a");
  joined.Progress(read, 4);
  joined.DropBackfill(read);
  joined.AddBackfill(Backfill("a", 4, 5));
  EXPECT_THAT(joined.Backfills(), IsEmpty());
  EXPECT_THAT(joined.List(), ElementsAre("b"));
}

TEST(JoinedChannelsTest, ForgottenPositionsLeaveTheChannelsJoined) {
  JoinedChannels joined({"a"});
  joined.Arm("a", 5);
  joined.Arm("b", 5);
  joined.AddBackfill(Backfill("a", 1, 5));
  joined.ForgetPositions();
  EXPECT_THAT(joined.List(), ElementsAre("a"));
  EXPECT_THAT(joined.Backfills(), IsEmpty());
  EXPECT_EQ(joined.Judge("a", 1), Live::kDeliver);
  EXPECT_EQ(joined.Judge("b", 1), Live::kDeliver);
}

// Somebody else has put it into the filter, and it is not joined yet.
TEST(JoinedChannelsTest, StrangersAreTakenWhereTheFilterIsSomebodyElses) {
  const JoinedChannels own({"general"});
  EXPECT_EQ(own.Judge("ops", 1), JoinedChannels::Live::kNotJoined);
  JoinedChannels following({}, JoinedChannels::Strangers::kTake);
  EXPECT_EQ(following.Judge("ops", 1), JoinedChannels::Live::kDeliver);
  following.Join("ops");
  EXPECT_EQ(following.Judge("ops", 1), JoinedChannels::Live::kDeliver);
}

TEST(JoinedChannelsTest, WhatWasLeftIsNoStranger) {
  JoinedChannels channels({"team.>", "ops"}, JoinedChannels::Strangers::kTake);
  channels.Leave("team.>");
  EXPECT_EQ(channels.Judge("team.a", 1), JoinedChannels::Live::kNotJoined);
  EXPECT_EQ(channels.Judge("quiet", 1), JoinedChannels::Live::kDeliver);
  channels.Join("team.a");
  EXPECT_EQ(channels.Judge("team.a", 1), JoinedChannels::Live::kDeliver);
  EXPECT_EQ(channels.Judge("team.b", 1), JoinedChannels::Live::kNotJoined);
  channels.Join("team.>");
  EXPECT_EQ(channels.Judge("team.b", 1), JoinedChannels::Live::kDeliver);
  // What is below the watermark of a joined one is still not taken.
  channels.Arm("late", 5);
  EXPECT_EQ(channels.Judge("late", 5), JoinedChannels::Live::kBelowWatermark);
}

}  // namespace
}  // namespace meshwarden::joined_channels_test
