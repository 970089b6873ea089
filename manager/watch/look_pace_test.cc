#include "manager/watch/look_pace.h"

#include <gtest/gtest.h>

namespace meshwarden::look_pace_test {
namespace {

using std::chrono::milliseconds;

LookPace::Time At(int ms) { return LookPace::Time(milliseconds(ms)); }

class LookPaceTest : public ::testing::Test {
 protected:
  void Look(int begin, int end) {
    pace_.Begin(At(begin));
    pace_.End(At(end));
  }

  LookPace pace_{WatchOptions{.look_every = milliseconds(8'000), .look_again_after = milliseconds(500)}};
};

TEST_F(LookPaceTest, TheFirstLookIsDueAtOnceAndTheNextOneAfterTheInterval) {
  EXPECT_LE(pace_.due(), At(0));
  Look(1'000, 1'100);
  EXPECT_EQ(pace_.due(), At(9'000));
}

TEST_F(LookPaceTest, WhatAsksIsHeardAfterAPause) {
  Look(1'000, 1'100);
  pace_.Ask(At(1'200));
  EXPECT_EQ(pace_.due(), At(1'600));
  // Later than what is due already.
  pace_.Ask(At(1'700));
  EXPECT_EQ(pace_.due(), At(1'600));
}

TEST_F(LookPaceTest, LongAfterALookThereIsNoPause) {
  Look(1'000, 1'100);
  pace_.Ask(At(5'000));
  EXPECT_EQ(pace_.due(), At(5'000));
}

// As when more is told than can be worked off, again and again.
TEST_F(LookPaceTest, WhatAsksWhileALookLastsDoesNotMakeLooksFollowEachOther) {
  Look(1'000, 1'100);
  pace_.Begin(At(9'000));
  pace_.Ask(At(9'500));
  pace_.End(At(11'000));
  EXPECT_EQ(pace_.due(), At(11'500));
}

TEST_F(LookPaceTest, ALookThatTakesLongerThanTheIntervalIsFollowedByAPause) {
  Look(1'000, 10'000);
  EXPECT_EQ(pace_.due(), At(10'500));
}

}  // namespace
}  // namespace meshwarden::look_pace_test
