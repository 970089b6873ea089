#include "endpoint/delivery/bound_durable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "tests/support/broker.h"
#include "tests/support/eventually.h"

namespace meshwarden::bound_durable_test {
namespace {

constexpr char kMade[] = "2026-01-01T00:00:00Z";
constexpr char kLater[] = "2026-01-01T01:00:00Z";

ConsumerInfo Told(const char* created, std::uint64_t deliveries, const char* leader) {
  ConsumerInfo info;
  info.created = created;
  info.delivered_consumer_seq = deliveries;
  info.leader = leader;
  return info;
}

TEST(IsStill, OutsideAClusterTheTimeTells) {
  EXPECT_TRUE(IsStill(Told(kMade, 0, ""), kMade, 7));
  EXPECT_FALSE(IsStill(Told(kLater, 7, ""), kMade, 7));
}

TEST(IsStill, InAClusterAnotherTimeTellsOnlyTogetherWithFewerDeliveries) {
  EXPECT_TRUE(IsStill(Told(kMade, 0, "s1"), kMade, 7));
  EXPECT_TRUE(IsStill(Told(kLater, 7, "s1"), kMade, 7));
  EXPECT_TRUE(IsStill(Told(kLater, 9, "s1"), kMade, 7));
  EXPECT_FALSE(IsStill(Told(kLater, 6, "s1"), kMade, 7));
  EXPECT_FALSE(IsStill(Told(kLater, 0, "s1"), kMade, 0));
}

// A broker without JetStream, on which the test answers for the leader of a durable made anew.
TEST(BoundDurable, WhatCountsFromAnewIsAnotherDurable) {
  MW_ASSERT_OK_AND_ASSIGN(const auto broker, testing::TestBroker::Start({.config = "server_name: plain\n"}));
  ConnectionOptions options;
  options.servers = {broker->url()};
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(std::move(options)));
  const auto answer = [&](const NatsMessage& request) {
    (void)connection->Publish(
        request.reply,
        fmt::format(
            R"({{"stream_name":"S","name":"d","config":{{"durable_name":"d","filter_subjects":["a.>"]}},)"
            R"("delivered":{{"consumer_seq":1,"stream_seq":1}},"ack_floor":{{"consumer_seq":0,"stream_seq":0}},)"
            R"("num_ack_pending":1,"num_pending":0,"created":"{}","cluster":{{"name":"c","leader":"s1"}}}})",
            kLater));
  };
  MW_ASSERT_OK_AND_ASSIGN(const auto responder,
                          connection->Subscribe("$JS.API.CONSUMER.INFO.S.d", "", answer));
  JetStreamApi api(*connection, std::chrono::seconds(5));
  // Bound when it had made five deliveries; the first that comes here is counted 1.
  const auto durable = std::make_shared<BoundDurable>("S", "d", kMade, 5);
  durable->Saw(1);
  durable->Check(api);
  EXPECT_TRUE(testing::Eventually([&] { return durable->lost(); }));
}

}  // namespace
}  // namespace meshwarden::bound_durable_test
