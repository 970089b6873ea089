#include "base/text/echo.h"

#include <gtest/gtest.h>

namespace meshwarden {
namespace {

TEST(Echo, OrdinaryTextStaysAsItIs) {
  EXPECT_EQ(Echo("team.backend", 128), "team.backend");
  EXPECT_EQ(Echo("say \"Grüße\" \\ 日本 😀", 128), "say \"Grüße\" \\ 日本 😀");
  EXPECT_EQ(Echo("", 0), "");
}

TEST(Echo, ControlCharactersAreEscaped) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Echo("a\r\nb\tc", 128), "a\\r\\nb\\tc");
  EXPECT_EQ(Echo("a\0b\x1b[31m\x7f"sv, 128), "a\\u0000b\\u001b[31m\\u007f");
}

TEST(Echo, CharactersThatMisleadATerminalAreEscaped) {
  EXPECT_EQ(Echo("a\u202eb\u2028c\u0085", 128), "a\\u202eb\\u2028c\\u0085");
  EXPECT_EQ(Echo("\u2066x\ufeff", 128), "\\u2066x\\ufeff");
}

TEST(Echo, ExactlyTheBoundIsNotCut) { EXPECT_EQ(Echo("12345678", 8), "12345678"); }

TEST(Echo, OneByteMoreIsCutAndShown) { EXPECT_EQ(Echo("123456789", 8), "12345678…"); }

TEST(Echo, ACutNeverSplitsACharacter) {
  EXPECT_EQ(Echo("aä", 2), "a…");
  EXPECT_EQ(Echo("ab😀", 5), "ab…");
  EXPECT_EQ(Echo("ab😀", 6), "ab😀");
}

TEST(Echo, BytesThatAreNotUtf8AreReplacedOneByOne) {
  EXPECT_EQ(Echo("a\xff\xfe z", 128), "a\uFFFD\uFFFD z");
  EXPECT_EQ(Echo("\xe2\x82", 128), "\uFFFD\uFFFD");                      // cut short
  EXPECT_EQ(Echo("\xc0\x80", 128), "\uFFFD\uFFFD");                      // overlong NUL
  EXPECT_EQ(Echo("\xed\xa0\x80", 128), "\uFFFD\uFFFD\uFFFD");            // surrogate
  EXPECT_EQ(Echo("\xf4\x90\x80\x80", 128), "\uFFFD\uFFFD\uFFFD\uFFFD");  // beyond Unicode
}

}  // namespace
}  // namespace meshwarden
