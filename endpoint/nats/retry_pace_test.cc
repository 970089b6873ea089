#include "endpoint/nats/retry_pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace meshwarden::retry_pace_test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

class RetryPaceTest : public ::testing::Test {
 protected:
  milliseconds Wait() { return pace_.Wait(random_); }
  void Refuse(int times) {
    for (int i = 0; i < times; ++i) pace_.Failed(/*refused=*/true);
  }

  std::mt19937 random_{1};
  RetryPace pace_{milliseconds(250)};
};

TEST_F(RetryPaceTest, AServerThatIsAwayIsAskedSteadily) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Wait(), milliseconds(250));
    pace_.Failed(/*refused=*/false);
  }
}

TEST_F(RetryPaceTest, TheFirstRetryIsQuick) {
  Refuse(1);
  EXPECT_EQ(Wait(), milliseconds(250));
}

TEST_F(RetryPaceTest, RefusalsSlowDownToTheLongest) {
  Refuse(3);
  EXPECT_THAT(Wait(), AllOf(Ge(milliseconds(500)), Le(milliseconds(1'000))));
  Refuse(997);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(Wait(), AllOf(Ge(milliseconds(5'000)), Le(milliseconds(10'000))));
}

TEST_F(RetryPaceTest, NoTwoWaitTheSame) {
  Refuse(20);
  std::set<milliseconds> waits;
  for (int i = 0; i < 20; ++i) waits.insert(Wait());
  EXPECT_GT(waits.size(), 10U);
}

TEST_F(RetryPaceTest, WhatIsNoRefusalEndsIt) {
  Refuse(20);
  pace_.Failed(/*refused=*/false);
  EXPECT_EQ(Wait(), milliseconds(250));
  Refuse(20);
  pace_.Succeeded();
  EXPECT_EQ(Wait(), milliseconds(250));
}

TEST_F(RetryPaceTest, AUsualWaitThatIsLongerIsKept) {
  RetryPace slow{milliseconds(30'000)};
  for (int i = 0; i < 10; ++i) slow.Failed(/*refused=*/true);
  EXPECT_EQ(slow.Wait(random_), milliseconds(30'000));
}

}  // namespace
}  // namespace meshwarden::retry_pace_test
