#include "policy/still_allowed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::still_allowed_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

AgentPolicy Reader(const Strings& patterns) {
  AgentPolicy agent;
  agent.name = "reader";
  for (const std::string& pattern : patterns) {
    agent.allow_subscribe.push_back(
        Grant{.pattern = *ChannelPattern::Parse(pattern), .location = {}, .via = "agent reader"});
  }
  return agent;
}

TEST(StillAllowedTest, WhatIsAllowedStaysAsItIs) {
  EXPECT_THAT(StillAllowed(Reader({"general", "team.>"}), Strings{"team.a", "general"}),
              ElementsAre("team.a", "general"));
}

TEST(StillAllowedTest, WhatIsNotAllowedGoes) {
  EXPECT_THAT(StillAllowed(Reader({"general"}), Strings{"ops", "general"}), ElementsAre("general"));
  EXPECT_THAT(StillAllowed(Reader({"general"}), Strings{"ops"}), IsEmpty());
  EXPECT_THAT(StillAllowed(Reader({}), Strings{">"}), IsEmpty());
}

TEST(StillAllowedTest, OfAPatternWhatIsSharedWithAGrantStays) {
  EXPECT_THAT(StillAllowed(Reader({"team.backend", "ops.*"}), Strings{"team.>", "ops.>"}),
              ElementsAre("team.backend", "ops.*"));
  EXPECT_THAT(StillAllowed(Reader({"*.b"}), Strings{"a.*"}), ElementsAre("a.b"));
}

TEST(StillAllowedTest, RemainsAreCollapsed) {
  EXPECT_THAT(StillAllowed(Reader({"team.*", "team.>"}), Strings{">"}), ElementsAre("team.>"));
}

TEST(StillAllowedTest, OfTwoThatOverlapTheFirstStays) {
  EXPECT_THAT(StillAllowed(Reader({"a.*.c", "a.b.>"}), Strings{">"}), ElementsAre("a.*.c"));
}

TEST(StillAllowedTest, WhatIsNoChannelGoes) {
  EXPECT_THAT(StillAllowed(Reader({">"}), Strings{"a b", ""}), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::still_allowed_test
