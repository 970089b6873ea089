#include "endpoint/delivery/bound_durable.h"

#include <gtest/gtest.h>

namespace meshwarden {
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

}  // namespace
}  // namespace meshwarden
