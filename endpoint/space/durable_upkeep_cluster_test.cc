// Durables of a cluster, whose servers may tell different times for the making of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/durable_upkeep.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"

namespace meshwarden::durable_upkeep_cluster_test {
namespace {

using ::meshwarden::testing::Eventually;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::TestCluster;

constexpr std::chrono::milliseconds kTimeout{5'000};
constexpr char kDm[] = "DM_main";

class DurableUpkeepInClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(cluster_, TestCluster::Start(""));
    ConnectionOptions options;
    options.servers = cluster_->direct_urls();
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    for (const StreamConfig& stream : SpaceStreams("main", /*replicas=*/3)) {
      if (stream.name != kDm) continue;
      // Servers that have not heard of their cluster's leader yet can't do it.
      ASSERT_TRUE(Eventually([&] { return api_->CreateStream(stream).ok(); }));
    }
    ASSERT_TRUE(Eventually([&] {
      const auto made = api_->CreateConsumer(kDm, DmDurableConfig("main", "UA"));
      if (made.ok()) durable_ = *made;
      return made.ok();
    }));
    ASSERT_TRUE(Eventually([&] { return api_->GetConsumer(kDm, "dm_UA").ok(); }));
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  ConsumerInfo durable_;
};

TEST_F(DurableUpkeepInClusterTest, OneOfWhichAnotherServerTellsAnotherMomentIsTheSame) {
  // By 50 ms, in "2026-01-31T12:00:00.123Z".
  const std::size_t dot = durable_.created.find('.');
  ASSERT_LT(dot + 2, durable_.created.size());
  char& hundredths = durable_.created[dot + 2];
  hundredths = static_cast<char>('0' + (hundredths - '0' + 5) % 10);
  EXPECT_THAT(DeleteDurable(*api_, durable_), IsOkAndHolds(DeletedDurable::kGone));
  EXPECT_TRUE(HasJsError(api_->GetConsumer(kDm, "dm_UA").status(), JsError::kConsumerNotFound));
}

}  // namespace
}  // namespace meshwarden::durable_upkeep_cluster_test
