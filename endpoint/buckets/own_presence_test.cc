#include "endpoint/buckets/own_presence.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "proto/names.h"
#include "tests/support/mesh.h"

namespace meshwarden::own_presence_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::kPatience;
using ::meshwarden::testing::Mesh;
using ::meshwarden::testing::TestAgent;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  alice: { allowSubscribe: [general], allowPublish: [general] }
)";

class OwnPresenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(alice_, mesh_->Provision("alice"));
    Card card;
    card.id = alice_.id;
    card.name = "alice";
    own_ = std::make_unique<OwnPresence>("main", card);
  }
  // What the broker has after it was published.
  Presence Published() {
    EXPECT_THAT(own_->Publish(*alice_.connection, kPatience), IsOk());
    const std::string bucket = PresenceBucket("main");
    const auto record = mesh_->root_api().LastMessage(BucketStream(bucket), BucketSubject(bucket, alice_.id));
    EXPECT_THAT(record, IsOk());
    if (!record.ok()) return {};
    const auto presence = DecodePresence(record->payload);
    EXPECT_THAT(presence, IsOk());
    return presence.value_or(Presence{});
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent alice_;
  std::unique_ptr<OwnPresence> own_;
};

TEST_F(OwnPresenceTest, IsPublishedAsItWasSet) {
  const Presence first = Published();
  EXPECT_EQ(first.status, PresenceStatus::kIdle);
  EXPECT_EQ(first.activity, std::nullopt);
  EXPECT_EQ(first.card.protocol_version, kProtocolVersion);
  own_->SetStatus(PresenceStatus::kWorking);
  own_->SetActivity("reading the diff");
  const Presence second = Published();
  EXPECT_EQ(second.status, PresenceStatus::kWorking);
  EXPECT_EQ(second.activity, "reading the diff");
}

TEST_F(OwnPresenceTest, OnceEndedItStaysOffline) {
  own_->SetActivity("packing up");
  own_->End();
  own_->SetStatus(PresenceStatus::kWorking);
  own_->SetActivity("as if nothing had happened");
  const Presence last = Published();
  EXPECT_EQ(last.status, PresenceStatus::kOffline);
  EXPECT_EQ(last.activity, "packing up");
}

}  // namespace
}  // namespace meshwarden::own_presence_test
