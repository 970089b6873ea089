#include "base/text/printable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meshwarden::printable_test {
namespace {

using ::testing::ElementsAre;
using std::string_view_literals::operator""sv;

TEST(Printable, OrdinaryTextStaysAsItIs) {
  EXPECT_EQ(Printable("team.backend"), "team.backend");
  EXPECT_EQ(Printable("say \"Grüße\" \\ 日本 😀"), "say \"Grüße\" \\ 日本 😀");
  EXPECT_EQ(Printable("", 0), "");
}

TEST(Printable, ControlCharactersAreEscaped) {
  EXPECT_EQ(Printable("a\r\nb\tc"), "a\\r\\nb\\tc");
  EXPECT_EQ(Printable("a\0b\x1b[31m\x7f"sv), "a\\u0000b\\u001b[31m\\u007f");
}

TEST(Printable, CharactersThatMisleadATerminalAreEscaped) {
  EXPECT_EQ(Printable("a\u202eb\u2028c\u0085"), "a\\u202eb\\u2028c\\u0085");
  EXPECT_EQ(Printable("\u2066x\ufeff"), "\\u2066x\\ufeff");
}

TEST(ColumnsOf, AreThoseOfATerminal) {
  EXPECT_EQ(ColumnsOf(""), 0U);
  EXPECT_EQ(ColumnsOf("aé"), 2U);
  EXPECT_EQ(ColumnsOf("日本"), 4U);
  EXPECT_EQ(ColumnsOf("e\u0301x"), 2U);
}

TEST(Printable, BytesThatAreNotUtf8AreReplacedOneByOne) {
  EXPECT_EQ(Printable("a\xff\xfe z"), "a\uFFFD\uFFFD z");
  EXPECT_EQ(Printable("\xe2\x82"), "\uFFFD\uFFFD") << "cut short";
  EXPECT_EQ(Printable("\xc0\x80"), "\uFFFD\uFFFD") << "overlong NUL";
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "surrogate";
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond Unicode";
}

TEST(Printable, ExactlyTheBoundIsNotCut) { EXPECT_EQ(Printable("12345678", 8), "12345678"); }

TEST(Printable, OneByteMoreIsCutAndShown) { EXPECT_EQ(Printable("123456789", 8), "12345678…"); }

TEST(Printable, ACutSplitsNoCharacter) {
  EXPECT_EQ(Printable("aä", 2), "a…");
  EXPECT_EQ(Printable("ab😀", 5), "ab…");
  EXPECT_EQ(Printable("ab😀", 6), "ab😀");
}

TEST(Printable, WhatIsCountedIsTheTextAndNotItsEscapes) {
  EXPECT_EQ(Printable("\x1b\x1b", 2), "\\u001b\\u001b");
}

TEST(Printable, WhatWasPrintedStaysAsItIs) {
  const std::string once = Printable("a\"\\n\n\t\u202e\xff");
  EXPECT_EQ(Printable(once), once);
}

TEST(Quoted, IsAStringOfJsonThatSaysTheSame) {
  for (const std::string_view text :
       {"plain"sv, "say \"no\" \\ yes"sv, "a\r\nb\tc\0\x1b\x7f"sv, "\u202e é 😀"sv}) {
    EXPECT_EQ(nlohmann::json::parse(Quoted(text)), text);
  }
  EXPECT_EQ(Quoted("a\"b\\"), R"("a\"b\\")");
}

TEST(Quoted, ShowsSixtyFourBytesUnlessTold) {
  const std::string longest(64, 'x');
  EXPECT_EQ(Quoted(longest), '"' + longest + '"');
  EXPECT_EQ(Quoted(longest + 'x'), '"' + longest + "…\"");
  EXPECT_EQ(Quoted("12345", 4), "\"1234…\"");
}

// Each new one has to be thought about, and must not need more than the four digits of an escape.
TEST(IsDeceptive, TheseAre) {
  using Range = std::pair<std::uint32_t, std::uint32_t>;
  std::vector<Range> found;
  for (std::uint32_t character = 0; character <= 0x10FFFF; ++character) {
    if (!IsDeceptive(character)) continue;
    if (!found.empty() && found.back().second + 1 == character) {
      found.back().second = character;
    } else {
      found.emplace_back(character, character);
    }
  }
  EXPECT_THAT(found, ElementsAre(Range(0, 0x08), Range(0x0B, 0x1F), Range(0x7F, 0x9F), Range(0x61C, 0x61C),
                                 Range(0x200E, 0x200F), Range(0x2028, 0x202E), Range(0x2066, 0x2069),
                                 Range(0xFEFF, 0xFEFF)));
}

TEST(IsDeceptive, TextIsNot) {
  for (const char32_t character : std::u32string_view(U" az~\t\n\u00A0é日😀\u200D")) {
    EXPECT_FALSE(IsDeceptive(character)) << static_cast<std::uint32_t>(character);
  }
}

}  // namespace
}  // namespace meshwarden::printable_test
