#include "proto/lowercase.h"

#include <gtest/gtest.h>

namespace meshwarden {
namespace {

TEST(LowerCaseTest, EachScriptHasSmallLetters) {
  EXPECT_EQ(LowerCase("AZ ÀÖØÞ ĀŃŊŹŸ ẞẾ"), "az àöøþ āńŋźÿ ßế");
  EXPECT_EQ(LowerCase("ΆΑΫ"), "άαϋ");
  EXPECT_EQ(LowerCase("ЀЏАЯҐӀԮ"), "ѐџаяґӏԯ");
  EXPECT_EQ(LowerCase("ԱՖ"), "աֆ");
}

TEST(LowerCaseTest, OtherCharactersStay) {
  EXPECT_EQ(LowerCase("az09 ×÷ß日😀\n"), "az09 ×÷ß日😀\n");
  EXPECT_EQ(LowerCase("A\xFF\xC3"), "a\xFF\xC3");
}

TEST(LowerCaseTest, DottedCapitalIKeepsItsDot) { EXPECT_EQ(LowerCase("İ"), "i\u0307"); }

TEST(LowerCaseTest, SigmaAtTheEndOfAWordIsFinal) {
  EXPECT_EQ(LowerCase("ΟΔΟΣ ΣΑΣ"), "οδος σας");
  EXPECT_EQ(LowerCase("ΟΔΟΣ. ΟΣ'Α"), "οδος. οσ'α");
}

TEST(LowerCaseTest, SigmaElsewhereIsNotFinal) {
  EXPECT_EQ(LowerCase("Σ"), "σ");
  EXPECT_EQ(LowerCase(" Σ-"), " σ-");
}

}  // namespace
}  // namespace meshwarden
