#include "proto/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshwarden::segments_test {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> All(std::string_view text) {
  std::vector<std::string> all;
  Segments walk(text);
  for (std::string_view segment; walk.Next(segment);) all.emplace_back(segment);
  return all;
}

TEST(SegmentsTest, TextIsSplitAtTheDots) { EXPECT_THAT(All("a.bc.d"), ElementsAre("a", "bc", "d")); }

TEST(SegmentsTest, EmptySegmentsAreKept) {
  EXPECT_THAT(All(""), ElementsAre(""));
  EXPECT_THAT(All("."), ElementsAre("", ""));
  EXPECT_THAT(All(".a..b."), ElementsAre("", "a", "", "b", ""));
}

TEST(SegmentsTest, RestIsWhatFollows) {
  Segments walk("a.b.c");
  std::string_view segment;
  ASSERT_TRUE(walk.Next(segment));
  EXPECT_EQ(walk.rest(), "b.c");
  EXPECT_FALSE(walk.done());
}

TEST(SegmentsTest, WalkEndsAfterTheLast) {
  Segments walk("a");
  std::string_view segment;
  EXPECT_TRUE(walk.Next(segment));
  EXPECT_TRUE(walk.done());
  EXPECT_FALSE(walk.Next(segment));
}

}  // namespace
}  // namespace meshwarden::segments_test
