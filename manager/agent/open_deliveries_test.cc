#include "manager/agent/open_deliveries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "manager/agent/test_message.h"

namespace meshwarden::open_deliveries_test {
namespace {

using ::meshwarden::testing::CountingTarget;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestMessage;
using ::testing::HasSubstr;

constexpr auto kNotFound = absl::StatusCode::kNotFound;

TEST(OpenDeliveriesTest, ADeliveryIsNamedByKindAndSequence) {
  OpenDeliveries deliveries;
  EXPECT_EQ(deliveries.Open(TestMessage(42)), "channel:42");
  EXPECT_EQ(deliveries.Open(TestMessage(7, nullptr, Delivery::kDm)), "dm:7");
  EXPECT_EQ(deliveries.Open(TestMessage(3, nullptr, Delivery::kAnycast)), "anycast:3");
}

TEST(OpenDeliveriesTest, AckSettlesOnceAndCloses) {
  OpenDeliveries deliveries;
  const auto target = std::make_shared<CountingTarget>();
  const std::string delivery = deliveries.Open(TestMessage(1, target));
  EXPECT_THAT(deliveries.Ack(delivery), IsOk());
  EXPECT_THAT(deliveries.Ack(delivery),
              StatusIs(kNotFound, HasSubstr("no such delivery is open: \"channel:1\"")));
  EXPECT_EQ(target->acks(), 1);
  EXPECT_EQ(target->naks(), 0);
}

TEST(OpenDeliveriesTest, NakSettlesOnceAndCloses) {
  OpenDeliveries deliveries;
  const auto target = std::make_shared<CountingTarget>();
  const std::string delivery = deliveries.Open(TestMessage(1, target));
  EXPECT_THAT(deliveries.Nak(delivery), IsOk());
  EXPECT_THAT(deliveries.Ack(delivery), StatusIs(kNotFound));
  EXPECT_EQ(target->acks(), 0);
  EXPECT_EQ(target->naks(), 1);
}

TEST(OpenDeliveriesTest, ARedeliveryTakesThePlaceOfTheOneBefore) {
  OpenDeliveries deliveries;
  const auto first = std::make_shared<CountingTarget>();
  const auto second = std::make_shared<CountingTarget>();
  deliveries.Open(TestMessage(1, first));
  const std::string delivery = deliveries.Open(TestMessage(1, second));
  EXPECT_THAT(deliveries.Ack(delivery), IsOk());
  EXPECT_EQ(first->acks(), 0);
  EXPECT_EQ(second->acks(), 1);
}

TEST(OpenDeliveriesTest, TheOldestGoesForANewOne) {
  OpenDeliveries deliveries(/*capacity=*/2);
  deliveries.Open(TestMessage(1));
  deliveries.Open(TestMessage(2));
  deliveries.Open(TestMessage(1));  // delivered again, so the younger now
  deliveries.Open(TestMessage(3));
  EXPECT_THAT(deliveries.Ack("channel:2"), StatusIs(kNotFound));
  EXPECT_THAT(deliveries.Ack("channel:1"), IsOk());
  EXPECT_THAT(deliveries.Ack("channel:3"), IsOk());
}

TEST(OpenDeliveriesTest, HistoryMayBeSettledAtWill) {
  OpenDeliveries deliveries(/*capacity=*/1);
  deliveries.Open(TestMessage(1));
  const auto target = std::make_shared<CountingTarget>();
  const std::string delivery =
      deliveries.Open(TestMessage(9, target, Delivery::kChannel, /*historical=*/true));
  EXPECT_EQ(delivery, "history:9");
  EXPECT_THAT(deliveries.Ack(delivery), IsOk());
  EXPECT_THAT(deliveries.Ack(delivery), IsOk());
  EXPECT_THAT(deliveries.Nak(delivery), IsOk());
  EXPECT_EQ(target->acks() + target->naks(), 0);
  EXPECT_THAT(deliveries.Ack("channel:1"), IsOk());  // it took no place
}

TEST(OpenDeliveriesTest, WhatWasNeverOpenIsRefused) {
  OpenDeliveries deliveries;
  for (const std::string delivery : {"", "channel:1", "history:", "history:x", "x\ny"}) {
    EXPECT_THAT(deliveries.Ack(delivery), StatusIs(kNotFound)) << delivery;
    EXPECT_THAT(deliveries.Nak(delivery), StatusIs(kNotFound)) << delivery;
  }
  EXPECT_THAT(std::string(deliveries.Ack(std::string(1000, 'x')).message()).size(), ::testing::Lt(120U));
}

}  // namespace
}  // namespace meshwarden::open_deliveries_test
