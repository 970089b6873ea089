#include "base/text/utf8.h"

#include <gtest/gtest.h>

namespace meshwarden::utf8_test {
namespace {

void ExpectFirst(std::string_view text, char32_t code_point, std::size_t bytes) {
  const Utf8Character character = FirstCharacter(text);
  EXPECT_EQ(character.code_point, code_point) << text;
  EXPECT_EQ(character.bytes, bytes) << text;
}

TEST(Utf8Test, EachLengthIsRead) {
  ExpectFirst("ab", U'a', 1);
  ExpectFirst("éb", U'é', 2);
  ExpectFirst("日", U'日', 3);
  ExpectFirst("😀", U'😀', 4);
}

TEST(Utf8Test, FirstAndLastOfEachLengthAreRead) {
  ExpectFirst("\x7F", 0x7F, 1);
  ExpectFirst("\xC2\x80", 0x80, 2);
  ExpectFirst("\xE0\xA0\x80", 0x800, 3);
  ExpectFirst("\xF0\x90\x80\x80", 0x10000, 4);
  ExpectFirst("\xF4\x8F\xBF\xBF", 0x10FFFF, 4);
}

TEST(Utf8Test, OverlongFormsAreInvalid) {
  for (std::string_view text : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF"}) {
    ExpectFirst(text, Utf8Character::kInvalid, 1);
  }
}

TEST(Utf8Test, SurrogatesAndWhatIsBeyondUnicodeAreInvalid) {
  for (std::string_view text : {"\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80"}) {
    ExpectFirst(text, Utf8Character::kInvalid, 1);
  }
}

TEST(Utf8Test, CutAndStrayBytesAreInvalid) {
  for (std::string_view text : {"\x80", "\xFF", "\xC3", "\xE6\x97", "\xF0\x9F\x98", "\xC3\x28"}) {
    ExpectFirst(text, Utf8Character::kInvalid, 1);
  }
}

TEST(Utf8Test, LastCharacterIsReadBackwards) {
  EXPECT_EQ(LastCharacter("xé").code_point, U'é');
  EXPECT_EQ(LastCharacter("x😀").bytes, 4U);
  EXPECT_EQ(LastCharacter("éx").code_point, U'x');
}

TEST(Utf8Test, StrayByteAtTheEndIsInvalid) {
  EXPECT_FALSE(LastCharacter("x\x80").valid());
  EXPECT_FALSE(LastCharacter("é\x80").valid());
  EXPECT_FALSE(LastCharacter("\x80\x80\x80\x80\x80").valid());
  EXPECT_EQ(LastCharacter("é\x80").bytes, 1U);
}

TEST(Utf8Test, ACharacterBeginsAtItsFirstByte) {
  for (std::size_t index = 1; index < 5; ++index) EXPECT_EQ(CharacterStart("x😀é", index), 1U) << index;
  EXPECT_EQ(CharacterStart("x😀é", 0), 0U);
  EXPECT_EQ(CharacterStart("x😀é", 5), 5U);
  EXPECT_EQ(CharacterStart("x😀é", 6), 5U);
}

TEST(Utf8Test, WhatIsInNoCharacterIsWhereItIs) {
  EXPECT_EQ(CharacterStart("\x80\x80\x80", 2), 2U);
  EXPECT_EQ(CharacterStart("é\x80", 2), 2U);
  EXPECT_EQ(CharacterStart("\xF0\x9F\x98", 2), 2U) << "cut short";
  EXPECT_EQ(CharacterStart("é", 2), 2U);
  EXPECT_EQ(CharacterStart("é", 9), 9U);
}

TEST(Utf8Test, ACutSplitsNoCharacter) {
  EXPECT_EQ(FirstBytes("aé", 3), "aé");
  EXPECT_EQ(FirstBytes("aé", 2), "a");
  EXPECT_EQ(FirstBytes("ab😀", 5), "ab");
  EXPECT_EQ(FirstBytes("ab😀", 99), "ab😀");
  EXPECT_EQ(FirstBytes("é", 1), "");
  EXPECT_EQ(FirstBytes("\x80\x80\x80", 2), "\x80\x80");
}

TEST(Utf8Test, Utf16UnitsAreCounted) {
  EXPECT_EQ(Utf16Length(""), 0U);
  EXPECT_EQ(Utf16Length("aé日"), 3U);
  EXPECT_EQ(Utf16Length("😀"), 2U);
  EXPECT_EQ(Utf16Length("\xFF\xFF"), 2U);
}

TEST(Utf8Test, WhatIsAppendedIsReadAgain) {
  for (char32_t code_point : {U'a', U'é', U'日', U'😀', char32_t{0x10FFFF}}) {
    std::string text;
    AppendUtf8(code_point, text);
    ExpectFirst(text, code_point, text.size());
  }
}

}  // namespace
}  // namespace meshwarden::utf8_test
