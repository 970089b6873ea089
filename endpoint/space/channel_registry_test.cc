#include "endpoint/space/channel_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/support/mesh.h"

namespace meshwarden::channel_registry_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::kPatience;
using ::meshwarden::testing::Mesh;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestAgent;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  alice: { allowSubscribe: [general], allowPublish: [general] }
)";

// Written by a trusted party, read with an agent's credential.
class ChannelRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(alice_, mesh_->Provision("alice"));
    api_ = std::make_unique<JetStreamApi>(*alice_.connection, kPatience);
    writer_ = std::make_unique<Privileged>(mesh_->root_api(), "main");
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent alice_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<Privileged> writer_;
};

TEST_F(ChannelRegistryTest, ReadsWhatWasWrittenLast) {
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "team.a"), IsOkAndHolds(Eq(std::nullopt)));
  ChannelConfig config;
  config.replay = true;
  ASSERT_THAT(writer_->SetChannelConfig("team.a", config), IsOk());
  config.replay = false;
  config.description = "operations";
  ASSERT_THAT(writer_->SetChannelConfig("team.a", config), IsOk());
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "team.a"), IsOkAndHolds(Eq(config)));
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "team"), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(ChannelRegistryTest, ARemovedRecordIsNone) {
  ASSERT_THAT(writer_->SetChannelConfig("ops", {}), IsOk());
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "ops"), IsOkAndHolds(Eq(ChannelConfig{})));
  ASSERT_THAT(writer_->RemoveChannelConfig("ops"), IsOk());
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "ops"), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(ChannelRegistryTest, TheDefaultsAreARecordOfTheirOwn) {
  EXPECT_THAT(ReadChannelDefaults(*api_, "main"), IsOkAndHolds(Eq(std::nullopt)));
  ChannelDefaults defaults;
  MW_ASSERT_OK_AND_ASSIGN(defaults.replay_window, ReplayWindow::Parse("24h"));
  ASSERT_THAT(writer_->SetChannelDefaults(defaults), IsOk());
  EXPECT_THAT(ReadChannelDefaults(*api_, "main"), IsOkAndHolds(Eq(defaults)));
}

TEST_F(ChannelRegistryTest, ARecordThatCannotBeReadIsAnErrorThatNamesTheChannel) {
  ASSERT_THAT(mesh_->root_api().PutKey(ChannelBucket("main"), "ops", "{"), IsOk());
  EXPECT_THAT(ReadChannelConfig(*api_, "main", "ops"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ops")));
}

TEST_F(ChannelRegistryTest, APatternNeverReadsTheRecordOfAChannel) {
  ASSERT_THAT(writer_->SetChannelConfig("team.a", {}), IsOk());
  for (const std::string channel : {"team.*", ">", "*", "", "=defaults", "a/b"}) {
    EXPECT_THAT(ReadChannelConfig(*api_, "main", channel), StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
  }
}

}  // namespace
}  // namespace meshwarden::channel_registry_test
