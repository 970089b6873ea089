#include "proto/token.h"

#include <gtest/gtest.h>

namespace meshwarden::token_test {
namespace {

TEST(TokenTest, SafeTextStays) {
  EXPECT_EQ(Token("A_b-9"), "A_b-9");
  EXPECT_TRUE(IsSafeToken("A_b-9"));
}

TEST(TokenTest, EveryOtherCharacterBecomesAnUnderscore) {
  EXPECT_EQ(Token("a.b>c*"), "a_b_c_");
  EXPECT_EQ(Token("naïve"), "na_ve");
  EXPECT_EQ(Token(std::string_view("a\0b", 3)), "a_b");
}

TEST(TokenTest, CharacterBeyondTheBasicPlaneIsTwoUnits) { EXPECT_EQ(Token("😀z"), "__z"); }

TEST(TokenTest, InvalidByteIsOneUnit) { EXPECT_EQ(Token("a\xFF\xC3z"), "a__z"); }

TEST(TokenTest, WhatEndsUpEmptyIsAnUnderscore) {
  EXPECT_EQ(Token(""), "_");
  EXPECT_EQ(Token(" \t\u3000"), "_");
}

TEST(TokenTest, EverySpaceOfJavaScriptIsTrimmed) {
  for (std::string_view space : {" ", "\t", "\n", "\v", "\f", "\r", "\u00A0", "\u1680", "\u2000", "\u200A",
                                 "\u2028", "\u2029", "\u202F", "\u205F", "\u3000", "\uFEFF"}) {
    const std::string around = std::string(space) + "a b" + std::string(space);
    EXPECT_EQ(TrimWhiteSpace(around), "a b") << ::testing::PrintToString(space);
  }
}

TEST(TokenTest, WhatOnlyLooksLikeASpaceIsNotTrimmed) {
  // Next line, Mongolian vowel separator, zero width space, a stray byte of a space.
  for (std::string_view other : {"\u0085", "\u180E", "\u200B", "\xA0"}) {
    const std::string around = std::string(other) + "a" + std::string(other);
    EXPECT_EQ(TrimWhiteSpace(around), around) << ::testing::PrintToString(other);
  }
}

TEST(TokenTest, OnlyRoutingTokensKeepAStar) {
  EXPECT_EQ(RoutingToken("*"), "*");
  EXPECT_EQ(RoutingToken(" *"), "_");
  EXPECT_EQ(RoutingToken("**"), "__");
  EXPECT_EQ(RoutingToken(">"), "_");
  EXPECT_EQ(Token("*"), "_");
}

TEST(TokenTest, TextThatTheRuleWouldChangeIsNotSafe) {
  for (std::string_view text : {"", " a", "a.b", "*", ">", "é", "a\n"}) {
    EXPECT_FALSE(IsSafeToken(text)) << text;
    EXPECT_NE(Token(text), text);
  }
}

}  // namespace
}  // namespace meshwarden::token_test
