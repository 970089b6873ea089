#include "endpoint/space/side_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "tests/support/collector.h"

namespace meshwarden::side_lane_test {
namespace {

using ::meshwarden::testing::Collector;
using ::testing::ElementsAre;

class SideLaneTest : public ::testing::Test {
 protected:
  // Keeps the lane from going on until the test says so.
  void Block(const std::string& sender) {
    std::promise<void> begun;
    std::shared_future<void> until = go_.get_future().share();
    ASSERT_TRUE(lane_.Post(sender, [&begun, until] {
      begun.set_value();
      until.wait();
    }));
    begun.get_future().wait();
  }
  bool Post(const std::string& sender, const std::string& name) {
    return lane_.Post(sender, [this, name] { done_.Add(name); });
  }

  std::promise<void> go_;
  Collector<std::string> done_;
  SideLane lane_{{.waiting = 4, .of_one_sender = 2}};
};

TEST_F(SideLaneTest, TasksRunInOrder) {
  Block("a");
  EXPECT_TRUE(Post("b", "1"));
  EXPECT_TRUE(Post("a", "2"));
  EXPECT_TRUE(Post("b", "3"));
  go_.set_value();
  EXPECT_THAT(done_.Await(3), ElementsAre("1", "2", "3"));
}

TEST_F(SideLaneTest, ASenderAndAllTogetherHaveSoManyPlaces) {
  Block("a");
  EXPECT_TRUE(Post("a", "a"));
  EXPECT_FALSE(Post("a", "one too many of a"));
  EXPECT_TRUE(Post("b", "b"));
  EXPECT_TRUE(Post("c", "c"));
  EXPECT_TRUE(Post("d", "d"));
  EXPECT_FALSE(Post("e", "one too many"));
  go_.set_value();
  EXPECT_THAT(done_.Await(4), ElementsAre("a", "b", "c", "d"));
}

TEST_F(SideLaneTest, HoldsASenderUntilItsLastTaskHasRun) {
  EXPECT_FALSE(lane_.Holds("a"));
  Block("a");
  EXPECT_TRUE(lane_.Holds("a"));
  EXPECT_FALSE(lane_.Holds("b"));
  std::promise<bool> held_while_running;
  ASSERT_TRUE(lane_.Post("b", [&] { held_while_running.set_value(lane_.Holds("b")); }));
  go_.set_value();
  EXPECT_TRUE(held_while_running.get_future().get());
  lane_.Stop();
  EXPECT_FALSE(lane_.Holds("a"));
  EXPECT_FALSE(lane_.Holds("b"));
}

TEST_F(SideLaneTest, AStopCarriesOutWhatWaitsAndTakesNoMore) {
  Block("a");
  EXPECT_TRUE(Post("b", "b"));
  go_.set_value();
  lane_.Stop();
  EXPECT_THAT(done_.Await(1), ElementsAre("b"));
  EXPECT_FALSE(Post("b", "later"));
  lane_.Stop();
}

}  // namespace
}  // namespace meshwarden::side_lane_test
