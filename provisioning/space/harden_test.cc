#include "provisioning/space/harden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "provisioning/minting/credential.h"
#include "provisioning/space/api_mappings.h"
#include "provisioning/space/server_config.h"
#include "provisioning/space/space.h"
#include "tests/support/earlier_space.h"

namespace meshwarden::harden_test {
namespace {

namespace fs = std::filesystem;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Token = HardenOptions::ApiToken;

class HardenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/space";
    Renew();
  }
  // A space of today, in place of what there was.
  void Renew() {
    fs::remove_all(directory_);
    SpaceInitOptions options;
    options.space = "main";
    options.directory = directory_;
    ASSERT_THAT(InitSpace(options, Clock::System()), IsOk());
  }
  ~HardenTest() override { fs::remove_all(directory_); }

  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }

  absl::StatusOr<HardenResult> Harden(Token token = Token::kKeep) const {
    return HardenSpace({.directory = directory_, .token = token}, Clock::System());
  }

  CredentialView View(const std::string& name) const {
    return *ViewCredential(Creds::Load(PathOf("creds/" + name + ".creds"))->decoded());
  }
  Json SystemNats() const {
    return DecodeJwt(*SystemJwtIn(*ReadFile(PathOf("server.conf"), 1 << 20)))->claims.nats;
  }
  std::string TokenOfServer() const { return TokenOfMappings(SystemNats().value("mappings", Json())); }

  void MakeItOfAnEarlierVersion() const {
    ASSERT_THAT(testing::MakeItOfAnEarlierVersion(directory_), IsOk());
  }

  // As if it had ended once it had written `files` of its files.
  void HardenInPart(Token token, std::size_t files) const {
    const std::string before = directory_ + ".before";
    fs::remove_all(before);
    fs::copy(directory_, before, fs::copy_options::recursive);
    MW_ASSERT_OK_AND_ASSIGN(const HardenResult result, Harden(token));
    ASSERT_GE(result.written.size(), files);
    for (std::size_t i = files; i < result.written.size(); ++i) {
      const std::string& path = result.written[i];
      const std::string earlier = before + path.substr(directory_.size());
      fs::remove(path);
      if (fs::exists(earlier)) fs::copy_file(earlier, path);
    }
    fs::remove_all(before);
  }
  void ExpectWhole() const {
    EXPECT_EQ(SystemNats()["mappings"], ApiMappings("main", TokenOfServer()));
    EXPECT_EQ(View("setup").secrets.api, TokenOfServer());
    EXPECT_EQ(View("setup").secrets, View("mover").secrets);
    EXPECT_EQ(View("watcher").profile, Profile::kWatcher);
    EXPECT_THAT(Harden()->written, IsEmpty());
  }

  std::string directory_;
};

TEST_F(HardenTest, ANewSpaceIsHardAlready) {
  EXPECT_EQ(TokenOfServer(), View("setup").secrets.api);
  EXPECT_EQ(View("setup").secrets, View("mover").secrets);
  MW_ASSERT_OK_AND_ASSIGN(const HardenResult result, Harden());
  EXPECT_EQ(result.space, "main");
  EXPECT_THAT(result.written, IsEmpty());
}

TEST_F(HardenTest, ASpaceOfAnEarlierVersionGetsAllOfIt) {
  MakeItOfAnEarlierVersion();
  const std::string setup = View("setup").id;
  const std::string mover = View("mover").id;
  ASSERT_EQ(View("mover").secrets, SpaceSecrets());
  MW_ASSERT_OK_AND_ASSIGN(const HardenResult result, Harden());
  EXPECT_THAT(result.written, ElementsAre(EndsWith("/server.conf"), EndsWith("/setup.creds"),
                                          EndsWith("/mover.creds"), EndsWith("/watcher.creds")));
  EXPECT_EQ(SystemNats()["mappings"], ApiMappings("main", TokenOfServer()));
  EXPECT_EQ(View("setup").secrets.api, TokenOfServer());
  EXPECT_EQ(View("setup").secrets, View("mover").secrets);
  EXPECT_EQ(View("setup").id, setup);
  EXPECT_EQ(View("mover").id, mover);
  EXPECT_EQ(View("watcher").profile, Profile::kWatcher);
  EXPECT_THAT(Harden()->written, IsEmpty());
}

TEST_F(HardenTest, WhatHoldsTheTokenIsTheOwnersAlone) {
  MakeItOfAnEarlierVersion();
  ASSERT_THAT(Harden(), IsOk());
  for (const std::string name : {"server.conf", "creds/setup.creds", "creds/mover.creds"}) {
    struct stat info {};
    ASSERT_EQ(::stat(PathOf(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

// Only root may give them away first; to others they are theirs before and after.
TEST_F(HardenTest, FilesStayTheirOwners) {
  MakeItOfAnEarlierVersion();
  for (const std::string name : {"server.conf", "creds/setup.creds", "creds/mover.creds"}) {
    const bool given_away = ::chown(PathOf(name).c_str(), 4711, 4712) == 0;
    ASSERT_THAT(Harden(Token::kRotate), IsOk());
    struct stat info {};
    ASSERT_EQ(::stat(PathOf(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, given_away ? 4711 : ::geteuid()) << name;
    EXPECT_EQ(info.st_gid, given_away ? 4712 : ::getegid()) << name;
  }
}

TEST_F(HardenTest, AConfigurationThatOthersCouldReadIsTold) {
  MakeItOfAnEarlierVersion();
  EXPECT_TRUE(Harden()->config_was_open);
  EXPECT_FALSE(Harden(Token::kRotate)->config_was_open);
}

TEST_F(HardenTest, ALinkInPlaceOfAFileIsRefused) {
  MakeItOfAnEarlierVersion();
  const std::string token = TokenOfServer();
  for (const std::string name : {"server.conf", "creds/setup.creds", "creds/mover.creds"}) {
    const std::string away = directory_ + "/away";
    fs::rename(PathOf(name), away);
    fs::create_symlink(away, PathOf(name));
    EXPECT_THAT(Harden(Token::kRotate),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name + " is a symbolic link")));
    fs::rename(away, PathOf(name));
  }
  EXPECT_EQ(TokenOfServer(), token);
  EXPECT_EQ(View("setup").secrets, SpaceSecrets());
}

TEST_F(HardenTest, StoppedHalfWayItGoesOn) {
  for (const std::size_t files : {1U, 2U, 3U, 4U}) {
    ASSERT_NO_FATAL_FAILURE(Renew());
    MakeItOfAnEarlierVersion();
    ASSERT_NO_FATAL_FAILURE(HardenInPart(Token::kKeep, files));
    const std::string token = TokenOfServer();
    ASSERT_THAT(Harden(), IsOk());
    EXPECT_EQ(TokenOfServer(), token) << files;
    ExpectWhole();
  }
}

TEST_F(HardenTest, ARotationThatWasStoppedHalfWayIsCompletedAndNotTakenBack) {
  for (const Token repeat : {Token::kKeep, Token::kRotate}) {
    for (const std::size_t files : {1U, 2U, 3U}) {
      ASSERT_NO_FATAL_FAILURE(Renew());
      const std::string leaked = TokenOfServer();
      const std::string records = View("mover").secrets.records;
      ASSERT_NO_FATAL_FAILURE(HardenInPart(Token::kRotate, files));
      ASSERT_THAT(Harden(repeat), IsOk());
      EXPECT_NE(TokenOfServer(), leaked) << files;
      EXPECT_EQ(View("setup").secrets.records, records);
      ExpectWhole();
    }
  }
}

TEST_F(HardenTest, RotatingChangesTheApisTokenOnly) {
  const SpaceSecrets before = View("mover").secrets;
  MW_ASSERT_OK_AND_ASSIGN(const HardenResult result, Harden(Token::kRotate));
  EXPECT_THAT(result.written,
              ElementsAre(EndsWith("/server.conf"), EndsWith("/setup.creds"), EndsWith("/mover.creds")));
  EXPECT_NE(TokenOfServer(), before.api);
  EXPECT_EQ(View("mover").secrets.api, TokenOfServer());
  EXPECT_EQ(View("setup").secrets.api, TokenOfServer());
  EXPECT_EQ(View("setup").secrets.records, before.records);
  EXPECT_THAT(*ReadFile(PathOf("server.conf"), 1 << 20), Not(HasSubstr(before.api)));
  EXPECT_EQ(SystemNats()["mappings"], ApiMappings("main", TokenOfServer()));
}

TEST_F(HardenTest, CredentialsKeepTheirEnd) {
  ASSERT_THAT(testing::MakeItOfAnEarlierVersion(directory_, std::chrono::hours(24)), IsOk());
  const auto setup = View("setup").expires;
  const auto mover = View("mover").expires;
  ASSERT_NE(setup, std::nullopt);
  ASSERT_THAT(Harden(), IsOk());
  EXPECT_EQ(View("setup").expires, setup);
  EXPECT_EQ(View("mover").expires, mover);
}

TEST_F(HardenTest, WhatOperatorsAddedStays) {
  MakeItOfAnEarlierVersion();
  ASSERT_THAT(
      testing::ChangeSystemAccount(
          directory_,
          [](Json& nats) {
            nats["mappings"] = Json{{"a.b", Json::array({Json{{"subject", "c.d"}, {"weight", 100}}})}};
            nats["description"] = "ours";
          }),
      IsOk());
  std::string config = *ReadFile(PathOf("server.conf"), 1 << 20) + "debug: true\n";
  ASSERT_THAT(WriteFile(PathOf("server.conf"), config, {.if_exists = IfExists::kReplace}), IsOk());
  ASSERT_THAT(Harden(), IsOk());
  ASSERT_THAT(Harden(Token::kRotate), IsOk());
  EXPECT_EQ(SystemNats()["mappings"].size(), ApiMappings("main", TokenOfServer()).size() + 1);
  EXPECT_TRUE(SystemNats()["mappings"].contains("a.b"));
  EXPECT_EQ(SystemNats()["description"], "ours");
  EXPECT_THAT(*ReadFile(PathOf("server.conf"), 1 << 20), EndsWith("debug: true\n"));
}

TEST_F(HardenTest, WhatIsMissingIsNamedAndNothingIsWritten) {
  MakeItOfAnEarlierVersion();
  for (const std::string name :
       {"keys/operator.nk", "issuer.json", "creds/setup.creds", "creds/mover.creds", "server.conf"}) {
    const std::string away = directory_ + "/away";
    fs::rename(PathOf(name), away);
    EXPECT_THAT(Harden(), StatusIs(absl::StatusCode::kNotFound, HasSubstr(name)));
    fs::rename(away, PathOf(name));
  }
  EXPECT_EQ(TokenOfServer(), "");
  EXPECT_EQ(View("setup").secrets, SpaceSecrets());
  EXPECT_FALSE(fs::exists(PathOf("creds/watcher.creds")));
}

TEST_F(HardenTest, FilesOfAnotherKindAreRefused) {
  MakeItOfAnEarlierVersion();
  fs::copy_file(PathOf("creds/admin.creds"), PathOf("creds/setup.creds"),
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(Harden(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("profile setup")));
  fs::remove(PathOf("creds/setup.creds"));
  fs::copy_file(PathOf("creds/mover.creds"), PathOf("creds/setup.creds"));
  EXPECT_THAT(Harden(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("profile setup")));
}

TEST_F(HardenTest, AnotherOperatorsKeyIsRefused) {
  const KeyPair other = *KeyPair::Generate(NkeyKind::kOperator);
  ASSERT_THAT(
      WriteFile(PathOf("keys/operator.nk"), other.Seed().ExposeText(), {.if_exists = IfExists::kReplace}),
      IsOk());
  EXPECT_THAT(Harden(Token::kRotate),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another operator")));
}

}  // namespace
}  // namespace meshwarden::harden_test
