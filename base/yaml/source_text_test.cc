#include "base/yaml/source_text.h"

#include <gtest/gtest.h>

namespace meshwarden::source_text_test {
namespace {

TEST(SourceText, PlacesCountFromOne) {
  const SourceText source("f", "ab\ncd\n", 0);
  EXPECT_EQ(source.PlaceOf(0), (Place{1, 1}));
  EXPECT_EQ(source.PlaceOf(2), (Place{1, 3})) << "the line break belongs to its line";
  EXPECT_EQ(source.PlaceOf(3), (Place{2, 1}));
  EXPECT_EQ(source.PlaceOf(4), (Place{2, 2}));
}

TEST(SourceText, AnOffsetPastTheEndIsTheEnd) {
  EXPECT_EQ(SourceText("f", "ab", 0).PlaceOf(99), (Place{1, 3}));
  EXPECT_EQ(SourceText("f", "", 0).PlaceOf(99), (Place{1, 1}));
}

TEST(SourceText, LinesComeWithoutTheirBreaks) {
  const SourceText source("f", "one\r\ntwo\nthree", 0);
  EXPECT_EQ(source.Line(1), "one");
  EXPECT_EQ(source.Line(2), "two");
  EXPECT_EQ(source.Line(3), "three");
}

TEST(SourceText, ThereAreNoOtherLines) {
  const SourceText source("f", "one", 0);
  EXPECT_EQ(source.Line(0), "");
  EXPECT_EQ(source.Line(2), "");
  EXPECT_EQ(source.Line(-1), "");
}

TEST(SourceText, AByteOrderMarkIsNoPartOfTheText) {
  const SourceText source("f",
                          "\xEF\xBB\xBF"
                          "a",
                          0);
  EXPECT_EQ(source.text(), "a");
  EXPECT_EQ(source.PlaceOf(0), (Place{1, 1}));
}

TEST(SourceLocation, FormatsWhatItKnows) {
  const SourceText source("f.yaml", "a", 0);
  EXPECT_EQ(source.Locate({3, 7}).Format(), "f.yaml:3:7");
  EXPECT_EQ(source.Locate({}).Format(), "f.yaml");
  EXPECT_EQ(SourceLocation{}.Format(), "");
}

}  // namespace
}  // namespace meshwarden::source_text_test
