// E15: reading the history.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e15_history_test {
namespace {

class HistoryTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, HistoryTest, kBothModes, kModeName);

TEST_P(HistoryTest, E15_AHistoryOfManyPagesComesWholeAndInOrder) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  std::vector<std::string> expected;
  for (int i = 0; i < 700; ++i) {
    expected.push_back(fmt::format("{}", i));
    ASSERT_THAT(space_->Post("ops", expected.back(), fmt::format("PEER{}", i % 7)), IsOk());
    ASSERT_THAT(space_->Post("quiet", "elsewhere"), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob->endpoint->JoinChannel("ops"));
  EXPECT_EQ(joined.backfilled, expected.size());
  ASSERT_THAT(space_->Post("ops", "now"), IsOk());
  ASSERT_TRUE(bob->AwaitText("now"));
  std::vector<std::string> heard;
  for (const ReceivedMessage& message : bob->messages.Await(0)) {
    if (message.historical) heard.push_back(TextOf(message.message));
  }
  EXPECT_EQ(heard, expected);
}

}  // namespace
}  // namespace meshwarden::testing::e15_history_test
