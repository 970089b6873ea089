#include "manager/audit/filter_patrol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/collector.h"

namespace meshwarden::filter_patrol_test {
namespace {

using ::meshwarden::testing::Collector;
using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(FilterPatrolTest, LooksAtEachOfItsTimesAndThenNoMore) {
  Collector<int> looks;
  const FilterPatrol patrol({milliseconds(0), milliseconds(1), milliseconds(20)}, [&] { looks.Add(1); });
  EXPECT_THAT(looks.Await(3), SizeIs(3));
  EXPECT_THAT(looks.Await(4, milliseconds(50)), SizeIs(3));
}

TEST(FilterPatrolTest, StopsWithoutWaitingForItsTime) {
  Collector<int> looks;
  {
    FilterPatrol patrol({std::chrono::hours(1)}, [&] { looks.Add(1); });
    patrol.Stop();
  }
  EXPECT_THAT(looks.Await(0), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::filter_patrol_test
