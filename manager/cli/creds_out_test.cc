#include "manager/cli/creds_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "provisioning/minting/mint.h"

namespace meshwarden::creds_out_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

const SystemTime kNow{std::chrono::seconds(1'800'000'000)};

class CredsOutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/creds_out_" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    path_ = directory_ + "/a.creds";
  }

  Issuer NewIssuer() const {
    return Issuer::Make("main", KeyPair::Generate(NkeyKind::kAccount)->public_key(),
                        KeyPair::Generate(NkeyKind::kAccount).value())
        .value();
  }
  std::string JwtFor(const std::string& id, SystemTime issued, std::optional<std::chrono::seconds> ttl,
                     const std::string& channel = "general") const {
    MintOptions options{.profile = Profile::kAgent, .permissions = {}, .name = "", .ttl = ttl};
    options.permissions.space = "main";
    options.permissions.id = id;
    options.permissions.allow_subscribe = std::vector<std::string>{channel};
    return MintUserJwt(issuer_, options, FixedClock(issued)).value();
  }
  absl::StatusOr<CredsOut> Open(const std::string& seed_file = "") const {
    return CredsOut::Open(path_, seed_file, issuer_.account());
  }
  std::string Contents() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  // Writes a first credential and returns its identity.
  std::string WriteFirst(std::optional<std::chrono::seconds> ttl = std::nullopt) {
    CredsOut out = Open().value();
    std::string id = out.id();
    EXPECT_THAT(std::move(out).Write(JwtFor(id, kNow, ttl), kNow), IsOk());
    return id;
  }
  std::string SeedFile(const KeyPair& key) const {
    std::string path = directory_ + "/seed";
    std::ofstream(path) << key.Seed().ExposeText() << "\n";
    return path;
  }

  std::string directory_;
  std::string path_;
  Issuer issuer_ = NewIssuer();
};

TEST_F(CredsOutTest, AFirstFileGetsANewIdentityForItsOwnerAlone) {
  const std::string id = WriteFirst();
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Load(path_));
  EXPECT_EQ(creds.id(), id);
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(CredsOutTest, AFileThatIsThereKeepsItsIdentity) {
  const std::string id = WriteFirst();
  MW_ASSERT_OK_AND_ASSIGN(const CredsOut again, Open());
  EXPECT_TRUE(again.used_before());
  EXPECT_EQ(again.id(), id);
}

TEST_F(CredsOutTest, TheSameGrantAgainLeavesTheFileAlone) {
  const std::string id = WriteFirst();
  const std::string before = Contents();
  EXPECT_TRUE(Open()->used_before());
  EXPECT_THAT(Open().value().Write(JwtFor(id, kNow + hours(1), std::nullopt), kNow + hours(1)), IsOk());
  EXPECT_EQ(Contents(), before);
}

TEST_F(CredsOutTest, AnotherGrantReplacesTheFile) {
  const std::string id = WriteFirst();
  const std::string before = Contents();
  EXPECT_THAT(Open().value().Write(JwtFor(id, kNow, std::nullopt, "team.a"), kNow), IsOk());
  EXPECT_NE(Contents(), before);
  EXPECT_EQ(Creds::Load(path_)->id(), id);
}

TEST_F(CredsOutTest, ACredentialIsRenewedAfterAQuarterOfItsLifetime) {
  const std::string id = WriteFirst(hours(4));
  const std::string before = Contents();
  EXPECT_THAT(Open().value().Write(JwtFor(id, kNow + hours(1), hours(4)), kNow + hours(1)), IsOk());
  EXPECT_EQ(Contents(), before);
  const SystemTime later = kNow + hours(1) + std::chrono::seconds(1);
  EXPECT_THAT(Open().value().Write(JwtFor(id, later, hours(4)), later), IsOk());
  EXPECT_NE(Contents(), before);
}

TEST_F(CredsOutTest, AGivenSeedIsTheIdentity) {
  const KeyPair key = KeyPair::Generate(NkeyKind::kUser).value();
  MW_ASSERT_OK_AND_ASSIGN(const CredsOut out, Open(SeedFile(key)));
  EXPECT_EQ(out.id(), key.public_key().text());
  EXPECT_FALSE(out.used_before());
}

TEST_F(CredsOutTest, ASeedOfAnotherKindIsRefused) {
  const std::string seed = SeedFile(KeyPair::Generate(NkeyKind::kAccount).value());
  EXPECT_THAT(Open(seed), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("begins with SU")));
}

TEST_F(CredsOutTest, AFileOfAnotherIdentityIsNotWrittenOver) {
  WriteFirst();
  EXPECT_THAT(Open(SeedFile(KeyPair::Generate(NkeyKind::kUser).value())),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("choose another --out")));
}

TEST_F(CredsOutTest, AFileOfAnotherAccountIsNotWrittenOver) {
  WriteFirst();
  EXPECT_THAT(CredsOut::Open(path_, "", NewIssuer().account()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another account")));
}

TEST_F(CredsOutTest, WhatIsNoCredsFileIsNotWrittenOver) {
  std::ofstream(path_) << "my diary";
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no creds file")));
  EXPECT_EQ(Contents(), "my diary");
}

TEST_F(CredsOutTest, ANewIdentityIsKeptUntilItsFileIsThere) {
  std::string id;
  {
    MW_ASSERT_OK_AND_ASSIGN(const CredsOut stopped, Open());
    id = stopped.id();
    EXPECT_EQ(stopped.kept_in(), path_ + ".begun");
    EXPECT_FALSE(stopped.used_before());
  }
  EXPECT_EQ(std::filesystem::status(path_ + ".begun").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  MW_ASSERT_OK_AND_ASSIGN(CredsOut again, Open());
  EXPECT_EQ(again.id(), id);
  EXPECT_TRUE(again.used_before());
  EXPECT_THAT(std::move(again).Write(JwtFor(id, kNow, std::nullopt), kNow), IsOk());
  EXPECT_EQ(Creds::Load(path_)->id(), id);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".begun"));
}

TEST_F(CredsOutTest, OnlyANewIdentityIsDiscarded) {
  const std::string id = Open()->id();
  Open().value().Discard();
  EXPECT_EQ(Open()->id(), id);
  std::filesystem::remove(path_ + ".begun");
  Open().value().Discard();
  EXPECT_FALSE(std::filesystem::exists(path_ + ".begun"));
}

TEST_F(CredsOutTest, WhatAnEarlierRunBeganWithIsNoOtherSeed) {
  EXPECT_THAT(Open(), IsOk());
  EXPECT_THAT(Open(SeedFile(KeyPair::Generate(NkeyKind::kUser).value())),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a.creds.begun")));
}

TEST_F(CredsOutTest, WhatIsLeftBesideTheFileGoes) {
  const KeyPair key = KeyPair::Generate(NkeyKind::kUser).value();
  EXPECT_THAT(Open(SeedFile(key)).value().Write(JwtFor(key.public_key().text(), kNow, std::nullopt), kNow),
              IsOk());
  std::filesystem::copy_file(SeedFile(key), path_ + ".begun");
  std::filesystem::permissions(path_ + ".begun", std::filesystem::perms(0600));
  EXPECT_EQ(Open()->id(), key.public_key().text());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".begun"));
}

TEST_F(CredsOutTest, WhatOthersMayHaveLeftThereIsNotTakenForAnIdentity) {
  const KeyPair key = KeyPair::Generate(NkeyKind::kUser).value();
  const std::string planted = path_ + ".begun";
  std::filesystem::create_symlink(SeedFile(key), planted);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a.creds.begun")));
  std::filesystem::remove(planted);
  std::filesystem::copy_file(SeedFile(key), planted);
  std::filesystem::permissions(planted, std::filesystem::perms(0644));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a.creds.begun")));
  std::filesystem::permissions(planted, std::filesystem::perms(0600));
  EXPECT_EQ(Open()->id(), key.public_key().text());
}

TEST_F(CredsOutTest, APathThatCannotBeWrittenIsToldAtOnce) {
  const std::string seed = SeedFile(KeyPair::Generate(NkeyKind::kUser).value());
  for (const std::string& seed_file : {std::string(), seed}) {
    EXPECT_THAT(CredsOut::Open(directory_ + "/nowhere/a.creds", seed_file, issuer_.account()),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("--out: cannot write")));
    EXPECT_THAT(CredsOut::Open("/proc/a.creds", seed_file, issuer_.account()), ::testing::Not(IsOk()));
  }
}

TEST_F(CredsOutTest, AnErrorNeverShowsASeed) {
  const KeyPair key = KeyPair::Generate(NkeyKind::kUser).value();
  const std::string path = SeedFile(key);
  std::ofstream(path, std::ios::app) << "x";
  const std::string message(Open(path).status().message());
  EXPECT_THAT(message, HasSubstr(path));
  EXPECT_THAT(message, Not(HasSubstr(std::string(key.Seed().ExposeText()))));
}

}  // namespace
}  // namespace meshwarden::creds_out_test
