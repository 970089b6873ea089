#include "provisioning/space/control_line.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"
#include "tests/support/mesh.h"

namespace meshwarden::control_line_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::kPatience;
using ::meshwarden::testing::Mesh;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

TEST(WarnIfTooLarge, TellsOfTheLimitAndOfWhatToDo) {
  constexpr std::size_t kLargest = kSpaceControlLine - kRestOfConnectLine;
  EXPECT_EQ(WarnIfTooLarge("agent x", kLargest), std::nullopt);
  EXPECT_THAT(WarnIfTooLarge("agent x", kLargest + 1),
              Optional(AllOf(HasSubstr("agent x: its JWT of 64513 bytes"), HasSubstr("max_control_line"),
                             HasSubstr("65537"), HasSubstr("team.>"))));
}

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  wide: { role: planner, allowSubscribe: [general, team.>, ops], allowPublish: [general, ops], credentialTtl: 1h }
)";

// Real servers and credentials: what is said to fit does, with the longest name, and what does not is
// dropped.
class ControlLineTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy)); }

  // A credential whose JWT has between `size` - 200 and `size` bytes.
  std::shared_ptr<const Creds> CredsOf(std::size_t size) {
    std::vector<std::string> channels;
    std::shared_ptr<const Creds> creds;
    std::size_t step = 256;
    while (step > 0) {
      std::vector<std::string> more = channels;
      for (std::size_t i = 0; i < step; ++i) more.push_back(fmt::format("c{}", more.size()));
      auto next = Mint(more);
      if (next->jwt().size() <= size) {
        channels = std::move(more);
        creds = std::move(next);
      } else {
        step /= 2;
      }
    }
    return creds;
  }
  std::shared_ptr<const Creds> Mint(const std::vector<std::string>& publish) {
    MintOptions options;
    options.permissions.space = "main";
    options.permissions.allow_publish = publish;
    return std::make_shared<const Creds>(MintCreds(mesh_->issuer(), std::move(options),
                                                   KeyPair::Generate(NkeyKind::kUser).value(),
                                                   Clock::System())
                                             .value());
  }
  bool Connects(std::shared_ptr<const Creds> creds) {
    ConnectionOptions options;
    options.servers = {mesh_->url()};
    options.name = "cotal:" + std::string(256, 'n');
    options.creds = std::move(creds);
    return Connection::Open(std::move(options)).ok();
  }

  std::unique_ptr<Mesh> mesh_;
};

TEST_F(ControlLineTest, TheSizeOfAnAgentsJwtIsKnownBeforehand) {
  MW_ASSERT_OK_AND_ASSIGN(const auto agent, mesh_->Provision("wide"));
  MW_ASSERT_OK_AND_ASSIGN(const std::size_t bytes, JwtBytesOf(*mesh_->policy().FindByName("wide"), "main"));
  EXPECT_EQ(bytes, agent.creds->jwt().size());
}

TEST_F(ControlLineTest, WhatFitsIsTakenAndWhatDoesNotIsDropped) {
  const auto fits = CredsOf(kSpaceControlLine - kRestOfConnectLine);
  ASSERT_EQ(WarnIfTooLarge("it", fits->jwt().size()), std::nullopt);
  EXPECT_TRUE(Connects(fits));
  const auto too_large = CredsOf(kSpaceControlLine);
  ASSERT_NE(WarnIfTooLarge("it", too_large->jwt().size()), std::nullopt);
  EXPECT_FALSE(Connects(too_large));
}

}  // namespace
}  // namespace meshwarden::control_line_test
