#include "base/lone_surrogates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::lone_surrogates_test {
namespace {

using ::testing::Optional;

TEST(ReplaceLoneSurrogatesTest, AHalfThatStandsAloneIsReplacedInItsPlace) {
  EXPECT_THAT(ReplaceLoneSurrogates(R"("a\ud83d")"), Optional(std::string(R"("a\ufffd")")));
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\uDE00b")"), Optional(std::string(R"("\ufffdb")")));
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\udbff x \uDC00")"), Optional(std::string(R"("\ufffd x \ufffd")")));
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\ud800\ud800\udc00")"),
              Optional(std::string(R"("\ufffd\ud800\udc00")")));
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\udc00\ud800")"), Optional(std::string(R"("\ufffd\ufffd")")));
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\ud800\n\udc00")"), Optional(std::string(R"("\ufffd\n\ufffd")")));
}

TEST(ReplaceLoneSurrogatesTest, WhatIsNoLoneHalfStays) {
  for (const char* json : {"", "{}", R"("\ud83d\ude00")", R"("\uD83D\uDE00\uD83D\uDE00")", R"("\ud7ff")",
                           R"("\ue000")", R"("\u0d80")"}) {
    EXPECT_EQ(ReplaceLoneSurrogates(json), std::nullopt) << json;
  }
}

TEST(ReplaceLoneSurrogatesTest, AnEscapedBackslashEscapesNothing) {
  EXPECT_EQ(ReplaceLoneSurrogates(R"("\\ud83d")"), std::nullopt);
  EXPECT_EQ(ReplaceLoneSurrogates(R"("\\\\ud83d")"), std::nullopt);
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\\\ud83d")"), Optional(std::string(R"("\\\ufffd")")));
  // The second half is none: its backslash is text.
  EXPECT_THAT(ReplaceLoneSurrogates(R"("\ud83d\\ude00")"), Optional(std::string(R"("\ufffd\\ude00")")));
}

TEST(ReplaceLoneSurrogatesTest, WhatBreaksOffIsLeftToWhoeverReadsIt) {
  for (const char* json : {"\\", "\\u", R"(\ud8)", R"(\ud80)", R"(\ud8xx)", R"(\udg00)"}) {
    EXPECT_EQ(ReplaceLoneSurrogates(json), std::nullopt) << json;
  }
  EXPECT_THAT(ReplaceLoneSurrogates(R"(\ud800\udc0)"), Optional(std::string(R"(\ufffd\udc0)")));
}

}  // namespace
}  // namespace meshwarden::lone_surrogates_test
