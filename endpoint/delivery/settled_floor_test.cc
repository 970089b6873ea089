#include "endpoint/delivery/settled_floor.h"

#include <gtest/gtest.h>

namespace meshwarden::settled_floor_test {
namespace {

TEST(SettledFloorTest, CoversNothingAtFirst) {
  const SettledFloor floor;
  EXPECT_FALSE(floor.Covers(1, 0));
  EXPECT_FALSE(floor.may_rise());
}

TEST(SettledFloorTest, CoversWhatTheBrokerSaysIsSettled) {
  SettledFloor floor;
  floor.Saw(7, 70, 1);
  floor.Saw(9, 90, 1);
  floor.Raise(1, 7);
  EXPECT_TRUE(floor.Covers(1, 10));
  EXPECT_TRUE(floor.Covers(7, 70));
  EXPECT_FALSE(floor.Covers(8, 80));
  EXPECT_FALSE(floor.Covers(9, 90));
  EXPECT_EQ(floor.seq(), 7u);
}

// A durable that lost its state says that nothing is settled.
TEST(SettledFloorTest, NeverSinks) {
  SettledFloor floor;
  floor.Saw(9, 90, 1);
  floor.Raise(1, 9);
  floor.Raise(1, 0);
  floor.Raise(1, 3);
  EXPECT_TRUE(floor.Covers(9, 90));
}

TEST(SettledFloorTest, DoesNotCoverTheMessagesOfAStreamMadeAnew) {
  SettledFloor floor;
  floor.Saw(9, 90, 1);
  floor.Raise(1, 9);
  floor.Saw(3, 130, 1);
  EXPECT_FALSE(floor.Covers(3, 130));
  // Nor when the new stream's durable has come some way.
  floor.Raise(1, 2);
  EXPECT_FALSE(floor.Covers(3, 130));
}

// What an earlier process acknowledged may hold messages that it did not: nothing is known of their times.
TEST(SettledFloorTest, CoversNothingYoungerThanWhatHasCome) {
  SettledFloor floor;
  floor.Raise(1, 50);
  EXPECT_FALSE(floor.Covers(40, 400));
  floor.Saw(60, 600, 1);
  floor.Raise(1, 60);
  EXPECT_TRUE(floor.Covers(40, 400));
}

TEST(SettledFloorTest, IsWorthRaisingWhileSomethingLiesAboveIt) {
  SettledFloor floor;
  floor.Saw(9, 90, 1);
  EXPECT_TRUE(floor.may_rise());
  floor.Raise(1, 8);
  EXPECT_TRUE(floor.may_rise());
  floor.Raise(1, 9);
  EXPECT_FALSE(floor.may_rise());
}

TEST(SettledFloorTest, IsNotRaisedByADurableThatHasDeliveredNothing) {
  SettledFloor floor;
  floor.Saw(9, 90, 1);
  floor.Raise(0, 9);
  EXPECT_FALSE(floor.Covers(9, 90));
  EXPECT_EQ(floor.seq(), 0u);
}

TEST(SettledFloorTest, KeepsTheHighestNumberOfADelivery) {
  SettledFloor floor;
  floor.Saw(9, 90, 4);
  floor.Saw(3, 30, 5);
  floor.Saw(10, 95, 1);
  EXPECT_EQ(floor.deliveries(), 5u);
  floor.Forget();
  EXPECT_EQ(floor.deliveries(), 0u);
}

TEST(SettledFloorTest, ForgetsAStreamThatIsGone) {
  SettledFloor floor;
  floor.Saw(9, 90, 1);
  floor.Raise(1, 9);
  floor.Forget();
  EXPECT_FALSE(floor.Covers(1, 10));
  EXPECT_FALSE(floor.may_rise());
}

}  // namespace
}  // namespace meshwarden::settled_floor_test
