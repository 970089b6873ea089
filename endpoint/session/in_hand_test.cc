#include "endpoint/session/in_hand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace meshwarden {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(InHand, TellsWhatIsNotThere) {
  InHand hand;
  for (const std::uint64_t seq : {7u, 3u, 4u}) hand.Take(seq);
  EXPECT_THAT(hand.Missing(2, 8, 100), ElementsAre(5, 6, 8));
  EXPECT_THAT(hand.Missing(0, 3, 100), ElementsAre(1, 2));
  EXPECT_THAT(hand.Missing(8, 8, 100), IsEmpty());
  EXPECT_THAT(hand.Missing(9, 8, 100), IsEmpty());
}

TEST(InHand, TellsNoMoreThanIsAskedFor) {
  InHand hand;
  hand.Take(2);
  EXPECT_THAT(hand.Missing(0, 1'000'000, 3), ElementsAre(1, 3, 4));
  EXPECT_THAT(hand.Missing(4, 1'000'000, 2), ElementsAre(5, 6));
}

TEST(InHand, WhatIsSettledIsNotInHand) {
  InHand hand;
  hand.Take(1);
  hand.Take(2);
  hand.Drop(1);
  hand.Drop(9);
  EXPECT_THAT(hand.Missing(0, 2, 100), ElementsAre(1));
  EXPECT_EQ(hand.CountAbove(0), 1u);
}

// It comes again while it waits for its handler, and is one message still.
TEST(InHand, ARedeliveryIsTheSameMessage) {
  InHand hand;
  hand.Take(1);
  hand.Take(1);
  EXPECT_EQ(hand.CountAbove(0), 1u);
  hand.Drop(1);
  EXPECT_EQ(hand.CountAbove(0), 0u);
}

TEST(InHand, ForgetsWhatTheBrokerHasSettled) {
  InHand hand;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) hand.Take(seq);
  EXPECT_EQ(hand.CountAbove(8), 2u);
  EXPECT_EQ(hand.CountAbove(0), 2u);
}

TEST(InHand, CountsUpToTheLastSequenceThereIs) {
  InHand hand;
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  hand.Take(last - 1);
  EXPECT_THAT(hand.Missing(last - 2, last, 100), ElementsAre(last));
}

}  // namespace
}  // namespace meshwarden
