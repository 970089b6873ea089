#include "proto/mentions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::mentions_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

TEST(NormalizeMentionsTest, MentionsAreTrimmedAndSmall) {
  EXPECT_THAT(NormalizeMentions(Strings{" Bob\u00A0", "ÜNÏ"}), ElementsAre("bob", "ünï"));
}

TEST(NormalizeMentionsTest, FirstOfEqualsKeepsItsPlace) {
  EXPECT_THAT(NormalizeMentions(Strings{"b", "A", "B ", "a", "c"}), ElementsAre("b", "a", "c"));
}

TEST(NormalizeMentionsTest, EmptyOnesGo) {
  EXPECT_THAT(NormalizeMentions(Strings{"", " ", "\t"}), IsEmpty());
  EXPECT_THAT(NormalizeMentions(Strings{}), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::mentions_test
