#include "manager/agent/stop_switch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>

namespace meshwarden::stop_switch_test {
namespace {

class StopSwitchTest : public ::testing::Test {
 protected:
  const SteeringSignals signals_;
};

class StopSwitchSignalTest : public StopSwitchTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Signals, StopSwitchSignalTest, ::testing::Values(SIGTERM, SIGINT, SIGHUP));

TEST_P(StopSwitchSignalTest, ASignalToTheProcessStops) {
  std::promise<void> stopped;
  StopSwitch stop(signals_, [&] { stopped.set_value(); });
  ::kill(::getpid(), GetParam());
  stopped.get_future().wait();
  stop.Finish();
}

TEST_F(StopSwitchTest, ARequestStops) {
  std::promise<void> stopped;
  StopSwitch stop(signals_, [&] { stopped.set_value(); });
  stop.Request();
  stopped.get_future().wait();
}

TEST_F(StopSwitchTest, ItStopsOnceHoweverOftenItIsAsked) {
  int stops = 0;
  {
    StopSwitch stop(signals_, [&] { ++stops; });
    stop.Request();
    stop.Request();
    stop.Finish();
    stop.Request();
    stop.Finish();
  }
  EXPECT_EQ(stops, 1);
}

TEST_F(StopSwitchTest, FinishingWaitsForTheStop) {
  bool stopped = false;
  StopSwitch stop(signals_, [&] { stopped = true; });
  stop.Finish();
  EXPECT_TRUE(stopped);
}

TEST_F(StopSwitchTest, WhatStopsMayRequestAgain) {
  std::atomic<StopSwitch*> self = nullptr;
  StopSwitch stop(signals_, [&] { self.load()->Request(); });
  self = &stop;
  stop.Finish();
}

}  // namespace
}  // namespace meshwarden::stop_switch_test
