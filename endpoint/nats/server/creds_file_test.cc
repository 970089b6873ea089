#include "endpoint/nats/server/creds_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"

namespace meshwarden::testing::creds_file_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of the year 2026.
constexpr SystemTime At(int seconds) { return SystemTime(std::chrono::seconds(1'777'889'472 + seconds)); }

KeyPair NewKey(NkeyKind kind) { return *KeyPair::Generate(kind); }

class CredsFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() +
            ".creds";
    std::filesystem::remove(path_);
  }
  // A credential of `user`, named so that it can be told from others.
  Creds Make(const KeyPair& user, const KeyPair& account, const std::string& name,
             std::optional<SystemTime> expires = std::nullopt) {
    const JwtClaims claims{.subject = user.public_key().text(),
                           .name = name,
                           .nats = Json::parse(R"({"type":"user","version":2})"),
                           .expires = expires};
    return *Creds::Make(*EncodeJwt(claims, account, At(0)), *KeyPair::FromSeed(user.Seed().ExposeText()));
  }
  void Write(const Creds& creds) { ASSERT_THAT(creds.Save(path_, IfExists::kReplace), IsOk()); }
  std::shared_ptr<CredsFile> Open(CredsFile::Check check = nullptr) {
    return *CredsFile::Open(path_, std::move(check));
  }
  // The names of what is to be logged in with.
  static std::vector<std::string> Names(const CredsFile::Offer& offer) {
    std::vector<std::string> names;
    for (const auto& creds : offer.creds) names.push_back(creds->decoded().claims.name);
    return names;
  }

  const KeyPair user_ = NewKey(NkeyKind::kUser);
  const KeyPair account_ = NewKey(NkeyKind::kAccount);
  std::string path_;
};

TEST_F(CredsFileTest, WhatLiesThereNowComesFirst) {
  Write(Make(user_, account_, "first"));
  const auto file = Open();
  EXPECT_EQ(file->id(), user_.public_key().text());
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("first"));
  Write(Make(user_, account_, "second"));
  const CredsFile::Offer offer = file->Read(At(1));
  EXPECT_THAT(Names(offer), ElementsAre("second", "first"));
  EXPECT_THAT(offer.trouble, IsOk());
}

TEST_F(CredsFileTest, OnlyWhatWasAcceptedIsInHand) {
  Write(Make(user_, account_, "first"));
  const auto file = Open();
  Write(Make(user_, account_, "second"));
  file->Accept(file->Read(At(1)).creds.front());
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("second"));
  Write(Make(user_, account_, "third"));
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("third", "second"));
}

TEST_F(CredsFileTest, WhatHasExpiredIsNotTriedBesideAGoodOne) {
  Write(Make(user_, account_, "short", At(10)));
  const auto file = Open();
  EXPECT_THAT(Names(file->Read(At(11))), ElementsAre("short"));
  Write(Make(user_, account_, "long", At(1000)));
  EXPECT_THAT(Names(file->Read(At(11))), ElementsAre("long"));
}

TEST_F(CredsFileTest, AnotherIdentityIsRefusedWithWords) {
  Write(Make(user_, account_, "first"));
  const auto file = Open();
  const KeyPair other = NewKey(NkeyKind::kUser);
  Write(Make(other, account_, "stranger"));
  const CredsFile::Offer offer = file->Read(At(1));
  EXPECT_THAT(Names(offer), ElementsAre("first"));
  EXPECT_THAT(offer.trouble, StatusIs(absl::StatusCode::kFailedPrecondition,
                                      AllOf(HasSubstr(path_), HasSubstr(other.public_key().text()),
                                            HasSubstr(user_.public_key().text()))));
}

TEST_F(CredsFileTest, AnotherAccountIsRefusedWithWords) {
  Write(Make(user_, account_, "first"));
  const auto file = Open();
  const KeyPair other = NewKey(NkeyKind::kAccount);
  Write(Make(user_, other, "elsewhere"));
  const CredsFile::Offer offer = file->Read(At(1));
  EXPECT_THAT(Names(offer), ElementsAre("first"));
  EXPECT_THAT(offer.trouble, StatusIs(absl::StatusCode::kFailedPrecondition,
                                      AllOf(HasSubstr(path_), HasSubstr(other.public_key().text()))));
}

TEST_F(CredsFileTest, AFileThatIsGoneOrTornLeavesWhatIsInHand) {
  Write(Make(user_, account_, "first"));
  const auto file = Open();
  std::filesystem::remove(path_);
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("first"));
  EXPECT_THAT(file->Read(At(1)).trouble, StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  ASSERT_THAT(WriteFile(path_, "-----BEGIN NATS", {}), IsOk());
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("first"));
  EXPECT_THAT(file->Read(At(1)).trouble, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path_)));
  Write(Make(user_, account_, "mended"));
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("mended", "first"));
}

TEST_F(CredsFileTest, WhatItsOwnerRefusesIsNotTried) {
  Write(Make(user_, account_, "first"));
  const auto file = Open([](const Creds& creds) {
    return creds.decoded().claims.name == "wide" ? absl::FailedPreconditionError("it may do too much")
                                                 : absl::OkStatus();
  });
  Write(Make(user_, account_, "wide"));
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("first"));
  EXPECT_THAT(file->Read(At(1)).trouble, StatusIs(absl::StatusCode::kFailedPrecondition,
                                                  AllOf(HasSubstr(path_), HasSubstr("too much"))));
  Write(Make(user_, account_, "right"));
  EXPECT_THAT(Names(file->Read(At(1))), ElementsAre("right", "first"));
}

TEST_F(CredsFileTest, NoFileIsAnErrorAtTheStart) {
  EXPECT_THAT(CredsFile::Open(path_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
}

TEST_F(CredsFileTest, TheEndOfACredentialIsTold) {
  const Creds creds = Make(user_, account_, "short", At(0));
  EXPECT_THAT(ExpiryText(creds, At(-1)), IsEmpty());
  EXPECT_EQ(ExpiryText(creds, At(1)), "the credential expired at 2026-05-04T10:11:12Z");
  EXPECT_THAT(ExpiryText(Make(user_, account_, "endless"), At(1)), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::testing::creds_file_test
