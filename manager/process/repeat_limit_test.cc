#include "manager/process/repeat_limit.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace meshwarden::repeat_limit_test {
namespace {

using std::chrono::milliseconds;

constexpr RepeatLimit::Options kOptions{.interval = milliseconds(100), .max_things = 2};

RepeatLimit::Time At(int ms) { return RepeatLimit::Time(milliseconds(ms)); }

TEST(RepeatLimit, TellsAtOnceThenCountsUntilTheIntervalIsOver) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("told", "a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("told", "a", At(1)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "a", At(99)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "a", At(100)), 2u);
  EXPECT_EQ(limit.Admit("told", "a", At(101)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "a", At(200)), 1u);
}

TEST(RepeatLimit, EachThingIsItsOwn) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("told", "a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("told", "b", At(0)), 0u);
}

TEST(RepeatLimit, EachMessageIsItsOwn) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("told", "a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("another", "a", At(0)), 0u);
}

// Whoever can choose what a message is about must not silence others by that.
TEST(RepeatLimit, MoreThingsThanItKeepsCountAsOneUntilOthersAreOld) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("told", "a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("told", "b", At(50)), 0u);
  EXPECT_EQ(limit.Admit("told", "c", At(60)), 0u);
  EXPECT_EQ(limit.Admit("told", "d", At(61)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "e", At(62)), std::nullopt);
  // Another message is told, whatever fills the room.
  EXPECT_EQ(limit.Admit("another", "e", At(63)), 0u);
  // What has its own place keeps it.
  EXPECT_EQ(limit.Admit("told", "a", At(99)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "a", At(100)), 1u);
  // Still no room: what was held back is counted.
  EXPECT_EQ(limit.Admit("told", "f", At(149)), std::nullopt);
  EXPECT_EQ(limit.Admit("told", "g", At(150)), 0u);
  EXPECT_EQ(limit.Admit("told", "f", At(160)), 3u);
}

}  // namespace
}  // namespace meshwarden::repeat_limit_test
