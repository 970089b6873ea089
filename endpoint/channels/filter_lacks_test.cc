#include "endpoint/channels/filter_lacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::filter_lacks_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(FilterLacksTest, WhatIsLackingCountsFromTheLowestSequenceSaid) {
  FilterLacks lacks;
  lacks.Add("ops", 7);
  lacks.Add("ops", 9);
  EXPECT_EQ(lacks.MissedAfter("ops", 20), 7u);
  lacks.Add("ops", 5);
  EXPECT_EQ(lacks.MissedAfter("ops", 20), 5u);
  EXPECT_EQ(lacks.MissedAfter("ops", 3), 3u);
  EXPECT_EQ(lacks.MissedAfter("quiet", 20), 20u);
  EXPECT_THAT(lacks.Remove("ops"), Optional(5u));
}

TEST(FilterLacksTest, RemovedOnceItLacksNoMore) {
  FilterLacks lacks;
  lacks.Add("ops", 7);
  EXPECT_TRUE(lacks.Contains("ops"));
  EXPECT_TRUE(lacks.Remove("ops").has_value());
  EXPECT_FALSE(lacks.Contains("ops"));
  EXPECT_FALSE(lacks.Remove("ops").has_value());
}

TEST(FilterLacksTest, AcceptingTellsWhatIsNew) {
  FilterLacks lacks;
  EXPECT_TRUE(lacks.AllAccepted());
  lacks.Add("ops", 7);
  EXPECT_FALSE(lacks.AllAccepted());
  EXPECT_THAT(lacks.Accept(), ElementsAre("ops"));
  lacks.Add("ops", 6);
  EXPECT_TRUE(lacks.AllAccepted());
  lacks.Add("quiet", 8);
  EXPECT_FALSE(lacks.AllAccepted());
  EXPECT_THAT(lacks.Accept(), ElementsAre("quiet"));
  EXPECT_THAT(lacks.Accept(), IsEmpty());
}

TEST(FilterLacksTest, WithdrawnAcceptanceTellsAllAgain) {
  FilterLacks lacks;
  lacks.Add("ops", 7);
  (void)lacks.Accept();
  lacks.WithdrawAcceptance();
  EXPECT_THAT(lacks.Accept(), ElementsAre("ops"));
}

TEST(FilterLacksTest, LeavesOutWhatIsAcceptedOrWhatIsLacking) {
  FilterLacks lacks;
  lacks.Add("ops", 7);
  (void)lacks.Accept();
  lacks.Add("quiet", 8);
  const FilterLacks::Channels channels = {"general", "ops", "quiet"};
  EXPECT_THAT(lacks.WithoutAccepted(channels), ElementsAre("general", "quiet"));
  EXPECT_THAT(lacks.Without(channels, ""), ElementsAre("general"));
  EXPECT_THAT(lacks.Without(channels, "ops"), ElementsAre("general", "ops"));
}

TEST(FilterLacksTest, PositionsOfAStreamThatIsGoneAreForgotten) {
  FilterLacks lacks;
  lacks.Add("ops", 7);
  lacks.ForgetPositions();
  EXPECT_EQ(lacks.MissedAfter("ops", 20), 0u);
  EXPECT_TRUE(lacks.Contains("ops"));
}

}  // namespace
}  // namespace meshwarden::filter_lacks_test
