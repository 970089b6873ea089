#include "manager/watch/repeat_limit.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace meshwarden {
namespace {

using std::chrono::milliseconds;

constexpr RepeatLimit::Options kOptions{.interval = milliseconds(100), .max_things = 2};

RepeatLimit::Time At(int ms) { return RepeatLimit::Time(milliseconds(ms)); }

TEST(RepeatLimit, TellsAtOnceThenCountsUntilTheIntervalIsOver) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("a", At(1)), std::nullopt);
  EXPECT_EQ(limit.Admit("a", At(99)), std::nullopt);
  EXPECT_EQ(limit.Admit("a", At(100)), 2u);
  EXPECT_EQ(limit.Admit("a", At(101)), std::nullopt);
  EXPECT_EQ(limit.Admit("a", At(200)), 1u);
}

TEST(RepeatLimit, EachThingIsItsOwn) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("b", At(0)), 0u);
}

TEST(RepeatLimit, MoreThingsThanItKeepsAreHeldBackUntilOthersAreOld) {
  RepeatLimit limit(kOptions);
  EXPECT_EQ(limit.Admit("a", At(0)), 0u);
  EXPECT_EQ(limit.Admit("b", At(50)), 0u);
  EXPECT_EQ(limit.Admit("c", At(99)), std::nullopt);
  EXPECT_EQ(limit.Admit("c", At(100)), 0u);
  EXPECT_EQ(limit.Admit("a", At(100)), std::nullopt);
}

}  // namespace
}  // namespace meshwarden
