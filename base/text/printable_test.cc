#include "base/text/printable.h"

#include <gtest/gtest.h>

namespace meshwarden {
namespace {

TEST(Utf8Length, IsThatOfTheFirstCharacter) {
  EXPECT_EQ(Utf8Length("ab"), 1);
  EXPECT_EQ(Utf8Length("éa"), 2);
  EXPECT_EQ(Utf8Length("日a"), 3);
  EXPECT_EQ(Utf8Length("😀a"), 4);
  EXPECT_EQ(Utf8CodePoint("😀"), char32_t{0x1F600});
}

TEST(Utf8Length, IsNoneForWhatIsNoCharacter) {
  EXPECT_EQ(Utf8Length(""), 0);
  EXPECT_EQ(Utf8Length("\x80"), 0) << "continuation byte alone";
  EXPECT_EQ(Utf8Length("\xC3"), 0) << "cut short";
  EXPECT_EQ(Utf8Length("\xC0\xAF"), 0) << "overlong, two bytes";
  EXPECT_EQ(Utf8Length("\xE0\x80\xAF"), 0) << "overlong, three bytes";
  EXPECT_EQ(Utf8Length("\xED\xA0\x80"), 0) << "surrogate";
  EXPECT_EQ(Utf8Length("\xF4\x90\x80\x80"), 0) << "beyond the last code point";
}

TEST(Printable, KeepsText) { EXPECT_EQ(Printable("team.é 日"), "team.é 日"); }

TEST(Printable, ReplacesWhatATerminalWouldAct) {
  EXPECT_EQ(Printable("a\x1b[31m"), "a?[31m");
  EXPECT_EQ(Printable("a\r\nb"), "a??b");
  EXPECT_EQ(Printable("a\tb"), "a b");
  EXPECT_EQ(Printable("a\u202Eb\uFEFF"), "a?b?");
  EXPECT_EQ(Printable("\xFF\xC3"), "??");
}

TEST(ColumnsOf, AreThoseOfATerminal) {
  EXPECT_EQ(ColumnsOf(""), 0U);
  EXPECT_EQ(ColumnsOf("aé"), 2U);
  EXPECT_EQ(ColumnsOf("日本"), 4U);
  EXPECT_EQ(ColumnsOf("e\u0301x"), 2U);
}

TEST(Quoted, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(Quoted(std::string(64, 'x')), '"' + std::string(64, 'x') + '"');
  EXPECT_EQ(Quoted(std::string(65, 'x')), '"' + std::string(64, 'x') + "...\"");
  EXPECT_EQ(Quoted(std::string(63, 'x') + "éy"), '"' + std::string(63, 'x') + "...\"");
}

}  // namespace
}  // namespace meshwarden
