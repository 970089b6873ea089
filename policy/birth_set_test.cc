#include "policy/birth_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/channel_pattern.h"

namespace meshwarden::birth_set_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

std::vector<ListedPattern> Listed(const std::vector<std::string>& texts) {
  std::vector<ListedPattern> patterns;
  patterns.reserve(texts.size());
  for (const std::string& text : texts) {
    patterns.push_back({std::make_shared<const ChannelPattern>(ChannelPattern::Parse(text).value()), 1, 1});
  }
  return patterns;
}

std::vector<std::string> Choose(const std::vector<std::string>& preferred,
                                const std::vector<std::string>& own,
                                const std::vector<std::string>& from_groups = {}) {
  Grants allowed;
  for (const std::vector<std::string>& texts : {own, from_groups}) {
    allowed.Add(
        std::make_shared<const GrantList>(GrantList{std::make_shared<const GrantOrigin>(), Listed(texts)}));
  }
  return ChooseBirthSet(preferred, allowed, Listed(own));
}

TEST(ChooseBirthSet, PreferredChannelsThatAreAllowedComeFirst) {
  EXPECT_THAT(Choose({"general", "help"}, {"help", "ops"}), ElementsAre("help"));
  EXPECT_THAT(Choose({"general"}, {"ops"}, {"*"}), ElementsAre("general"));
}

TEST(ChooseBirthSet, OtherwiseOnesOwnChannelsWithoutWildcards) {
  EXPECT_THAT(Choose({"general"}, {"ops", "team.>", "alerts", "ops"}), ElementsAre("ops", "alerts"));
}

TEST(ChooseBirthSet, OtherwiseOnesOwnPatterns) {
  EXPECT_THAT(Choose({"general"}, {"team.>", "ops.*"}), ElementsAre("team.>", "ops.*"));
}

TEST(ChooseBirthSet, NeverWhatOnlyAGroupGrants) {
  EXPECT_THAT(Choose({"general"}, {}, {"secret"}), IsEmpty());
  EXPECT_THAT(Choose({"general"}, {"ops"}, {"secret"}), ElementsAre("ops"));
}

TEST(ChooseBirthSet, APreferredPatternIsTakenOnlyIfOneGrantCoversItWhole) {
  EXPECT_THAT(Choose({">"}, {"*", "*.>"}), ElementsAre("*", "*.>"));
  EXPECT_THAT(Choose({"team.>"}, {"team.*", "ops"}), ElementsAre("ops"));
}

TEST(FindUnresolvedOverlap, FindsWhatCollapsingLeaves) {
  EXPECT_THAT(FindUnresolvedOverlap(std::vector<std::string>{"x", "a.*.c", "a.b.>"}),
              Optional(Pair("a.*.c", "a.b.>")));
  EXPECT_EQ(FindUnresolvedOverlap(std::vector<std::string>{"a.*.c", "a.b.>", "a.>"}), std::nullopt);
  EXPECT_EQ(FindUnresolvedOverlap(std::vector<std::string>{"review", "review.>"}), std::nullopt);
  EXPECT_EQ(FindUnresolvedOverlap(std::vector<std::string>{"a", "a", "b"}), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::birth_set_test
