#include "policy/pattern_table.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::pattern_table_test {
namespace {

using ::meshwarden::testing::StatusIs;

TEST(PatternTable, EqualTextsShareOnePattern) {
  PatternTable table;
  MW_ASSERT_OK_AND_ASSIGN(const auto first, table.Share("team.>"));
  MW_ASSERT_OK_AND_ASSIGN(const auto second, table.Share(std::string("team.>")));
  MW_ASSERT_OK_AND_ASSIGN(const auto other, table.Share("team.*"));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  EXPECT_EQ(first->text(), "team.>");
}

TEST(PatternTable, WhatIsNoPatternIsAnError) {
  PatternTable table;
  EXPECT_THAT(table.Share("a/b"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(table.Share("a/b"), StatusIs(absl::StatusCode::kInvalidArgument)) << "nor the second time";
}

TEST(PatternTable, PatternsOutliveIt) {
  auto table = std::make_unique<PatternTable>();
  MW_ASSERT_OK_AND_ASSIGN(const auto pattern, table->Share("a.channel.with.a.name.of.some.length"));
  table.reset();
  EXPECT_EQ(pattern->text(), "a.channel.with.a.name.of.some.length");
}

}  // namespace
}  // namespace meshwarden::pattern_table_test
