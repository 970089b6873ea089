#include "endpoint/space/durable_start.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace meshwarden::durable_start_test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::chrono::system_clock::time_point kNow{seconds(1'000)};

// One that delivers what is new, and whose deliveries nobody has acknowledged, as 2.10 tells it.
ConsumerInfo Unacknowledged() {
  ConsumerInfo info;
  info.config.deliver_policy = "new";
  info.delivered_consumer_seq = 3;
  info.delivered_stream_seq = 9;
  info.created = "1970-01-01T00:10:00.25Z";
  return info;
}

DurableStart StartOf(const ConsumerInfo& info) { return StartBehind(info, kNow, minutes(1)); }

TEST(StartBehind, IsBehindWhatWasAcknowledged) {
  ConsumerInfo info = Unacknowledged();
  info.ack_floor_consumer_seq = 1;
  info.ack_floor_stream_seq = 7;
  EXPECT_EQ(StartOf(info).seq, 8u);
}

TEST(StartBehind, AFloorAheadOfTheFirstAcknowledgementCounts) {
  ConsumerInfo info = Unacknowledged();
  info.ack_floor_stream_seq = 5;
  EXPECT_EQ(StartOf(info).seq, 6u);
}

TEST(StartBehind, OneThatDeliversAllBeganWithTheFirst) {
  ConsumerInfo info = Unacknowledged();
  info.config.deliver_policy = "all";
  EXPECT_EQ(StartOf(info).seq, 1u);
}

TEST(StartBehind, WithoutAFloorItIsWhenItWasMade) {
  const DurableStart start = StartOf(Unacknowledged());
  EXPECT_FALSE(start.seq.has_value());
  EXPECT_EQ(start.time.time_since_epoch(), std::chrono::milliseconds(600'250));
}

TEST(StartBehind, WithoutAFloorItIsWhereOneThatWasMadeAnewBegan) {
  ConsumerInfo info = Unacknowledged();
  info.config.deliver_policy = "by_start_sequence";
  info.config.extra["opt_start_seq"] = 4u;
  EXPECT_EQ(StartOf(info).seq, 4u);
  info.config.deliver_policy = "by_start_time";
  info.config.extra["opt_start_time"] = "1970-01-01T00:00:30Z";
  EXPECT_FALSE(StartOf(info).seq.has_value());
  EXPECT_EQ(StartOf(info).time.time_since_epoch(), seconds(30));
}

TEST(StartBehind, WhatIsNoStartIsNotTakenForOne) {
  ConsumerInfo info = Unacknowledged();
  info.config.deliver_policy = "by_start_sequence";
  info.config.extra["opt_start_seq"] = "4";
  EXPECT_EQ(StartOf(info).time.time_since_epoch(), std::chrono::milliseconds(600'250));
  info.config.deliver_policy = "by_start_time";
  info.config.extra["opt_start_time"] = 4;
  EXPECT_EQ(StartOf(info).time.time_since_epoch(), std::chrono::milliseconds(600'250));
}

// 2.10 forgets it once the filter was moved.
TEST(StartBehind, WhenNothingIsToldItGoesBackByTheTimeThatAMessageMayWait) {
  ConsumerInfo info = Unacknowledged();
  for (const char* created : {"0001-01-01T00:00:00Z", ""}) {
    info.created = created;
    EXPECT_FALSE(StartOf(info).seq.has_value());
    EXPECT_EQ(StartOf(info).time, kNow - minutes(1));
  }
}

}  // namespace
}  // namespace meshwarden::durable_start_test
