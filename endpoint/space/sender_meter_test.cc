#include "endpoint/space/sender_meter.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace meshwarden::sender_meter_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class SenderMeterTest : public ::testing::Test {
 protected:
  SenderMeter::Options Options() {
    return {.burst = milliseconds(50),
            .shared = 0.5,
            .least = 0.1,
            .of_late = milliseconds(1000),
            .max_senders = 8,
            .now = [this] { return now_; },
            .used = [this] { return used_; }};
  }
  // One request that takes `cost`, if it may be read; else the wait that its sender is told.
  std::optional<milliseconds> Ask(const std::string& sender, milliseconds cost) {
    if (const auto wait = meter_.Refuses(sender)) return wait;
    const SenderMeter::Charge charge(&meter_, sender);
    used_ += cost;
    return std::nullopt;
  }
  void Pass(milliseconds time) { now_ += time; }

  SenderMeter::TimePoint now_{std::chrono::hours(1)};
  nanoseconds used_{0};
  SenderMeter meter_{Options()};
};

TEST_F(SenderMeterTest, WhoHasUsedUpItsShareIsToldWhenToComeAgain) {
  EXPECT_EQ(Ask("a", milliseconds(49)), std::nullopt);
  EXPECT_EQ(Ask("a", milliseconds(11)), std::nullopt);  // what a request costs is known afterwards
  // Ten are owed; half of each millisecond comes in.
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(21));
  Pass(milliseconds(20));
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(1));
  Pass(milliseconds(1));
  EXPECT_EQ(Ask("a", milliseconds(1)), std::nullopt);
}

TEST_F(SenderMeterTest, ARefusalCostsNothing) {
  Ask("a", milliseconds(60));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(21));
}

TEST_F(SenderMeterTest, OthersAreNotCharged) {
  Ask("a", milliseconds(1000));
  EXPECT_NE(Ask("a", milliseconds(1)), std::nullopt);
  EXPECT_EQ(Ask("b", milliseconds(1)), std::nullopt);
}

TEST_F(SenderMeterTest, NoMoreIsSavedUpThanTheBurst) {
  Ask("a", milliseconds(1));
  Pass(std::chrono::hours(1));
  EXPECT_EQ(Ask("a", milliseconds(50)), std::nullopt);
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(1));
}

TEST_F(SenderMeterTest, HalfOfTheTimeIsSharedOutAmongThoseWhoAskedOfLate) {
  Ask("a", milliseconds(60));
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(21));
  Ask("b", milliseconds(0));
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(41));
  // Who is refused has asked.
  Pass(milliseconds(1001));
  Ask("b", milliseconds(60));
  EXPECT_EQ(Ask("b", milliseconds(1)), milliseconds(21));
}

TEST_F(SenderMeterTest, ATenthIsEverybodys) {
  for (const std::string other : {"b", "c", "d", "e", "f"}) Ask(other, milliseconds(0));
  Ask("a", milliseconds(60));  // a sixth of the half would be less
  EXPECT_EQ(Ask("a", milliseconds(1)), milliseconds(101));
}

TEST_F(SenderMeterTest, AFastAgentThatIsAloneIsRefusedNothing) {
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(Ask("a", milliseconds(4)), std::nullopt) << i;
    Pass(milliseconds(10));
  }
}

TEST_F(SenderMeterTest, SendersThatAskedLeastLatelyMakeRoom) {
  Ask("a", milliseconds(60));
  Ask("b", milliseconds(60));
  for (int i = 0; i < 6; ++i) Ask("other" + std::to_string(i), milliseconds(0));
  EXPECT_NE(Ask("a", milliseconds(0)), std::nullopt);
  Ask("one more", milliseconds(0));
  EXPECT_NE(Ask("a", milliseconds(0)), std::nullopt);  // it asked just now
  EXPECT_EQ(Ask("b", milliseconds(0)), std::nullopt);  // forgotten
}

TEST_F(SenderMeterTest, WithoutAMeterNothingIsCharged) {
  const SenderMeter::Charge charge(nullptr, "a");
  used_ += milliseconds(1);
}

TEST(ThreadProcessorTimeTest, GrowsAsTheThreadWorks) {
  const nanoseconds before = ThreadProcessorTime();
  while (ThreadProcessorTime() - before < milliseconds(2)) {
  }
  EXPECT_GT(ThreadProcessorTime(), before);
}

}  // namespace
}  // namespace meshwarden::sender_meter_test
