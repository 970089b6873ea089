#include "policy/channel_advice.h"

#include <gtest/gtest.h>

#include "proto/channel_pattern.h"

namespace meshwarden::channel_advice_test {
namespace {

constexpr char kRule[] = "a channel is made of letters, digits, _ and -, its segments parted by dots";

TEST(AdviseOnChannel, KnowsHabitsFromElsewhere) {
  EXPECT_EQ(AdviseOnChannel("#general"), "did you mean general?");
  EXPECT_EQ(AdviseOnChannel("team/backend"), "did you mean team.backend?");
  EXPECT_EQ(AdviseOnChannel("team.**"), "did you mean team.>?");
  EXPECT_EQ(AdviseOnChannel("team.>.x"), "did you mean team.*.x?");
}

TEST(AdviseOnChannel, KnowsSlips) {
  EXPECT_EQ(AdviseOnChannel(" general "), "did you mean general?");
  EXPECT_EQ(AdviseOnChannel("team..backend."), "did you mean team.backend?");
}

TEST(AdviseOnChannel, SaysTheRuleWhereItCannotGuess) {
  EXPECT_EQ(AdviseOnChannel(""), kRule);
  EXPECT_EQ(AdviseOnChannel("über"), kRule);
  EXPECT_EQ(AdviseOnChannel("te*m"), kRule);
  EXPECT_EQ(AdviseOnChannel("##"), kRule);
  EXPECT_EQ(AdviseOnChannel(std::string(kMaxChannelBytes, 'a') + "/"), kRule);
}

}  // namespace
}  // namespace meshwarden::channel_advice_test
