#include "manager/daemon/material.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/secret_token.h"
#include "base/status_matchers.h"
#include "provisioning/space/space.h"

namespace meshwarden::material_test {
namespace {

using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Permissions = std::filesystem::perms;

// A space on disk with a configuration that fits it; each test spoils one thing.
class MaterialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        ::testing::TempDir() + "material_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    SpaceInitOptions options{.space = "main", .directory = directory_, .server = {}};
    ASSERT_TRUE(InitSpace(options, Clock::System()).ok());
    config_.space = "main";
    config_.credentials = directory_ + "/creds/manager.creds";
    config_.mover_credentials = directory_ + "/creds/mover.creds";
    config_.issuer = directory_ + "/issuer.json";
    config_.policy = directory_ + "/policy.yaml";
    WritePolicy("main");
  }
  void WritePolicy(const std::string& space) const {
    std::ofstream(config_.policy) << "version: 1\nspace: " << space
                                  << "\nagents:\n  planner:\n    subscribe: [general]\n";
  }
  absl::StatusOr<Material> Load() const { return LoadMaterial(config_, Clock::System()); }

  std::string directory_;
  Config config_;
};

TEST_F(MaterialTest, WhatSpaceInitMakesIsFine) {
  MW_ASSERT_OK_AND_ASSIGN(const Material material, Load());
  EXPECT_EQ(material.policy->size(), 1U);
  EXPECT_NE(material.responder->id(), material.mover->id());
  EXPECT_THAT(material.warnings, IsEmpty());
  EXPECT_TRUE(IsSecretToken(material.secrets.api));
  EXPECT_TRUE(IsSecretToken(material.secrets.records));
}

TEST_F(MaterialTest, EverythingThatIsWrongIsToldInOneRun) {
  std::swap(config_.credentials, config_.mover_credentials);
  config_.issuer = "/nowhere/issuer.json";
  WritePolicy("other");
  EXPECT_THAT(Load(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("no credential of profile manager"),
                             HasSubstr("no credential of profile mover"), HasSubstr("/nowhere/issuer.json"),
                             HasSubstr("the policy is of space \"other\", the configuration of \"main\""))));
}

TEST_F(MaterialTest, TheSecretsAreThoseOfTheMoversCredential) {
  MW_ASSERT_OK_AND_ASSIGN(const Material material, Load());
  EXPECT_TRUE(IsSecretToken(material.secrets.api));
  EXPECT_TRUE(IsSecretToken(material.secrets.records));
}

TEST_F(MaterialTest, AWatcherIsOptionalAndChecked) {
  EXPECT_EQ(Load()->watcher, nullptr);
  config_.watcher_credentials = directory_ + "/creds/watcher.creds";
  MW_ASSERT_OK_AND_ASSIGN(const Material material, Load());
  ASSERT_NE(material.watcher, nullptr);
  EXPECT_NE(material.watcher->id(), material.mover->id());
  config_.watcher_credentials = directory_ + "/creds/manager.creds";
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("watcher_credentials"), HasSubstr("profile watcher"))));
}

TEST_F(MaterialTest, MaterialOfTwoAccountsIsRefused) {
  const std::string other = directory_ + "/other";
  ASSERT_TRUE(InitSpace({.space = "main", .directory = other, .server = {}}, Clock::System()).ok());
  config_.mover_credentials = other + "/creds/mover.creds";
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("other/creds/mover.creds is of account A"),
                                     HasSubstr("manager.creds of A"))));
  config_.mover_credentials = directory_ + "/creds/mover.creds";
  config_.issuer = other + "/issuer.json";
  EXPECT_THAT(Load(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("other/issuer.json is of account A")));
}

TEST_F(MaterialTest, TheFilesOfTlsAreRead) {
  config_.tls.required = true;
  config_.tls.ca_file = directory_ + "/absent.pem";
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("tls: "), HasSubstr("absent.pem"))));
  std::ofstream(config_.tls.ca_file) << "no certificate";
  EXPECT_THAT(Load(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("there is no certificate in it")));
}

TEST_F(MaterialTest, AnIncompleteConfigurationIsNamedFirst) {
  config_.credentials.clear();
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lacks credentials")));
}

TEST_F(MaterialTest, AnErrorInThePolicyIsToldWithItsPlace) {
  std::ofstream(config_.policy) << "version: 1\nspace: main\nagent: {}\n";
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("policy.yaml:3:1: ")));
}

TEST_F(MaterialTest, ACredsFileOpenToOthersIsWarnedOf) {
  std::filesystem::permissions(config_.mover_credentials, Permissions::owner_read | Permissions::group_read);
  MW_ASSERT_OK_AND_ASSIGN(const Material material, Load());
  EXPECT_THAT(material.warnings, ElementsAre(AllOf(HasSubstr("mover.creds"), HasSubstr("chmod 600"))));
}

}  // namespace
}  // namespace meshwarden::material_test
