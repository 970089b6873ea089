#include "base/text/lowercase.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <utility>

namespace meshwarden::lowercase_test {
namespace {

TEST(LowerCaseTest, EachScriptHasSmallLetters) {
  EXPECT_EQ(LowerCase("AZ ÀÖØÞ ĀŃŊŹŸ ẞẾ"), "az àöøþ āńŋźÿ ßế");
  EXPECT_EQ(LowerCase("ΆΑΫ"), "άαϋ");
  EXPECT_EQ(LowerCase("ЀЏАЯҐӀԮ"), "ѐџаяґӏԯ");
  EXPECT_EQ(LowerCase("ԱՖ"), "աֆ");
}

TEST(LowerCaseTest, RarerScriptsHaveSmallLettersToo) {
  // The first and the last capital of runs of all kinds, beside what peers make of them.
  constexpr std::array kLetters = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"\u0181\u0182\u0186\u01A9", "\u0253\u0183\u0254\u0283"},  // African Latin
      {"\u01C4\u01C5\u01C6\u01CA\u01CB", "\u01C6\u01C6\u01C6\u01CC\u01CC"},
      {"\u01F6\u0220\u023A\u023E\u0246\u024E", "\u0195\u019E\u2C65\u2C66\u0247\u024F"},
      {"\u0370\u037F\u03CF\u03D8\u03EE\u03F4\u03FF", "\u0371\u03F3\u03D7\u03D9\u03EF\u03B8\u037D"},
      {"\u10A0\u10C5\u10C7\u10CD", "\u2D00\u2D25\u2D27\u2D2D"},  // Georgian
      {"\u1C90\u1CBA\u1CBD\u1CBF", "\u10D0\u10FA\u10FD\u10FF"},
      {"\u13A0\u13EF\u13F0\u13F5", "\uAB70\uABBF\u13F8\u13FD"},              // Cherokee
      {"\u1F08\u1F0F\u1F59\u1F5F\u1F88", "\u1F00\u1F07\u1F51\u1F57\u1F80"},  // polytonic Greek
      {"\u1FBA\u1FBC\u1FCB\u1FEC\u1FFC", "\u1F70\u1FB3\u1F75\u1FE5\u1FF3"},
      {"\u2126\u212A\u212B\u2132\u2160\u216F", "\u03C9k\u00E5\u214E\u2170\u217F"},
      {"\u24B6\u24CF\u2C00\u2C2F", "\u24D0\u24E9\u2C30\u2C5F"},
      {"\u2C60\u2C62\u2C63\u2C6D\u2C7F", "\u2C61\u026B\u1D7D\u0251\u0240"},  // Latin Extended-C
      {"\u2C80\u2CE2\u2CF2", "\u2C81\u2CE3\u2CF3"},                          // Coptic
      {"\uA640\uA66C\uA722\uA76E\uA78D\uA7B3\uA7F5", "\uA641\uA66D\uA723\uA76F\u0265\uAB53\uA7F6"},
      {"\uFF21\uFF3A", "\uFF41\uFF5A"},                  // full width
      {"\U00010400\U00010427", "\U00010428\U0001044F"},  // Deseret
      {"\U000104B0\U00010570\U00010595", "\U000104D8\U00010597\U000105BC"},
      {"\U00010C80\U000118A0\U0001E900\U0001E921", "\U00010CC0\U000118C0\U0001E922\U0001E943"},
  });
  for (const auto& [capitals, small] : kLetters) {
    EXPECT_EQ(LowerCase(capitals), small);
    EXPECT_EQ(LowerCase(small), small);
  }
}

TEST(LowerCaseTest, WhatLiesBetweenCapitalsStays) {
  for (const std::string_view text :
       {"@[`{", "\u00D7\u0138\u0149\u0180\u0183\u018D\u01BB\u0221", "\u0375\u037E\u0387\u038D\u03A2\u03D0",
        "\u0482\u0530\u0557\u0307", "\u1E96\u1E9D\u1F07\u1F16\u1FBD\u2C5F\uA66E\uFF20\uFF3B",
        "\U000103FF\U00010428"}) {
    EXPECT_EQ(LowerCase(text), text);
  }
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

TEST(LowerCaseTest, SigmaAfterARarerLetterIsFinalToo) {
  EXPECT_EQ(LowerCase("\u10A0Σ"), "\u2D00ς");
  EXPECT_EQ(LowerCase("\uFF41Σ\uFF21"), "\uFF41σ\uFF41");
}

TEST(LowerCaseTest, SigmaAfterALetterWithoutCounterpartIsFinalToo) {
  EXPECT_EQ(LowerCase("\u0138Σ \U0001D400Σ"), "\u0138ς \U0001D400ς");
}

TEST(LowerCaseTest, TheEndOfAWordLiesBehindMarksAndApostrophes) {
  EXPECT_EQ(LowerCase("Ο\u0301'Σ\u00AD"), "ο\u0301'ς\u00AD");
  EXPECT_EQ(LowerCase("ΟΣ'\u0301Ο"), "οσ'\u0301ο");
  EXPECT_EQ(LowerCase("\u1D2CΣ Ο\u1D2CΣ"), "\u1D2Cσ ο\u1D2Cς") << "raised letters count as marks";
}

TEST(LowerCaseTest, AnInvalidByteEndsAWord) {
  EXPECT_EQ(LowerCase("ΟΣ\xFFΟ"), "ος\xFFο");
  EXPECT_EQ(LowerCase("Ο\xFFΣ"), "ο\xFFσ");
}

TEST(LowerCaseTest, SigmaElsewhereIsNotFinal) {
  EXPECT_EQ(LowerCase("Σ"), "σ");
  EXPECT_EQ(LowerCase(" Σ-"), " σ-");
}

}  // namespace
}  // namespace meshwarden::lowercase_test
