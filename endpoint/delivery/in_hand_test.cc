#include "endpoint/delivery/in_hand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace meshwarden::in_hand_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr InHand::TimePoint kNow{std::chrono::hours(1)};

TEST(InHand, TellsWhatIsNotThere) {
  InHand hand;
  for (const std::uint64_t seq : {7u, 3u, 4u}) hand.Take(seq, kNow);
  EXPECT_THAT(hand.Missing(2, 8, 100), ElementsAre(8, 6, 5));
  EXPECT_THAT(hand.Missing(0, 3, 100), ElementsAre(2, 1));
  EXPECT_THAT(hand.Missing(8, 8, 100), IsEmpty());
  EXPECT_THAT(hand.Missing(9, 8, 100), IsEmpty());
}

TEST(InHand, TellsNoMoreThanIsAskedFor) {
  InHand hand;
  hand.Take(999'999, kNow);
  EXPECT_THAT(hand.Missing(0, 1'000'000, 3), ElementsAre(1'000'000, 999'998, 999'997));
  EXPECT_THAT(hand.Missing(0, 2, 3), ElementsAre(2, 1));
}

TEST(InHand, WhatIsSettledIsNotInHand) {
  InHand hand;
  hand.Take(1, kNow);
  hand.Take(2, kNow);
  hand.Drop(1);
  hand.Drop(9);
  EXPECT_THAT(hand.Missing(0, 2, 100), ElementsAre(1));
  EXPECT_EQ(hand.CountAbove(0), 1u);
}

// It comes again while it waits for its handler, and is one message still.
TEST(InHand, ARedeliveryIsTheSameMessage) {
  InHand hand;
  EXPECT_TRUE(hand.Take(1, kNow));
  EXPECT_TRUE(hand.Take(1, kNow + std::chrono::seconds(1)));
  EXPECT_EQ(hand.CountAbove(0), 1u);
  hand.Drop(1);
  EXPECT_EQ(hand.CountAbove(0), 0u);
}

// Given back while it was on its way, it comes twice.
TEST(InHand, TellsARedeliveryFromACopyOnItsWay) {
  InHand hand;
  EXPECT_TRUE(hand.Take(1, kNow));
  EXPECT_FALSE(hand.Take(1, kNow + std::chrono::milliseconds(150)));
  EXPECT_FALSE(hand.Take(1, kNow + std::chrono::milliseconds(300)));
  EXPECT_TRUE(hand.Take(1, kNow + std::chrono::milliseconds(600)));
  // One that was settled, or given back by its handler, comes anew at any time.
  hand.Drop(1);
  EXPECT_TRUE(hand.Take(1, kNow + std::chrono::milliseconds(601)));
}

TEST(InHand, ForgetsWhatTheBrokerHasSettled) {
  InHand hand;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) hand.Take(seq, kNow);
  EXPECT_EQ(hand.CountAbove(8), 2u);
  EXPECT_EQ(hand.CountAbove(0), 2u);
}

TEST(InHand, CountsUpToTheLastSequenceThereIs) {
  InHand hand;
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  hand.Take(last - 1, kNow);
  EXPECT_THAT(hand.Missing(last - 2, last, 100), ElementsAre(last));
}

}  // namespace
}  // namespace meshwarden::in_hand_test
