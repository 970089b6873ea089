#include "proto/identity/creds.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/status_matchers.h"

namespace meshwarden::creds_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string JwtFor(const PublicNkey& user) {
  const KeyPair account = *KeyPair::Generate(NkeyKind::kAccount);
  const JwtClaims claims{.subject = user.text(),
                         .name = "agent",
                         .nats = Json{{"type", "user"}, {"version", 2}},
                         .expires = std::nullopt};
  return *EncodeJwt(claims, account, Clock::System().Now());
}

// A good creds file, and what it is made of.
class CredsTest : public ::testing::Test {
 protected:
  CredsTest() : user_(*KeyPair::Generate(NkeyKind::kUser)), jwt_(JwtFor(user_.public_key())) {}

  static std::string Block(const std::string& label, const std::string& body) {
    return "-----BEGIN " + label + "-----\n" + body + "\n------END " + label + "------\n";
  }
  std::string JwtBlock() const { return Block("NATS USER JWT", jwt_); }
  std::string SeedBlock() const { return Block("USER NKEY SEED", Seed()); }
  std::string Seed() const { return std::string(user_.Seed().ExposeText()); }
  const std::string& id() const { return user_.public_key().text(); }

  const KeyPair user_;
  const std::string jwt_;
};

std::string ReplaceAll(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST_F(CredsTest, FileHasTheUsualLayout) {
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Make(jwt_, *KeyPair::FromSeed(Seed())));
  EXPECT_EQ(creds.Format().ExposeText(),
            JwtBlock() +
                "\n************************* IMPORTANT *************************\n"
                "NKEY Seed printed below can be used sign and prove identity.\n"
                "NKEYs are sensitive and should be treated as secrets.\n\n" +
                SeedBlock());
}

TEST_F(CredsTest, ReadsWhatItWrites) {
  MW_ASSERT_OK_AND_ASSIGN(const Creds made, Creds::Make(jwt_, *KeyPair::FromSeed(Seed())));
  MW_ASSERT_OK_AND_ASSIGN(const Creds read, Creds::Parse(made.Format().ExposeText()));
  EXPECT_EQ(read.id(), id());
  EXPECT_EQ(read.jwt(), jwt_);
  EXPECT_EQ(read.decoded().claims.name, "agent");
  EXPECT_TRUE(read.key_pair().public_key().Verify("nonce", read.Sign("nonce")));
}

TEST_F(CredsTest, LineEndingsAndTheNumberOfDashesDoNotMatter) {
  const std::string text = JwtBlock() + SeedBlock();
  EXPECT_THAT(Creds::Parse(ReplaceAll(text, "\n", "\r\n")), IsOk());
  EXPECT_THAT(Creds::Parse(ReplaceAll(text, "-----", "---")), IsOk());
  EXPECT_THAT(Creds::Parse(SeedBlock() + "anything\n" + JwtBlock()), IsOk());
  EXPECT_THAT(Creds::Parse(text.substr(0, text.size() - 1)), IsOk());
}

TEST_F(CredsTest, MissingSeedIsToldInThePeersWords) {
  EXPECT_THAT(Creds::Parse(""), StatusIs(kInvalid, "creds: no user nkey seed block found"));
  EXPECT_THAT(Creds::Parse(JwtBlock()), StatusIs(kInvalid, "creds: no user nkey seed block found"));
  EXPECT_THAT(Creds::Parse(JwtBlock() + ReplaceAll(SeedBlock(), "-----", "--")),
              StatusIs(kInvalid, "creds: no user nkey seed block found"));
}

TEST_F(CredsTest, MissingJwtIsRefused) {
  EXPECT_THAT(Creds::Parse(SeedBlock()), StatusIs(kInvalid, "creds: no user JWT block found"));
  EXPECT_THAT(Creds::Parse(SeedBlock() + Block("NATS USER JWT", "not a token")),
              StatusIs(kInvalid, HasSubstr("creds: jwt: not three parts")));
}

TEST_F(CredsTest, SeedOfAnotherIdentityIsRefused) {
  const KeyPair other = *KeyPair::Generate(NkeyKind::kUser);
  const std::string text = JwtBlock() + Block("USER NKEY SEED", std::string(other.Seed().ExposeText()));
  EXPECT_THAT(Creds::Parse(text), StatusIs(kInvalid, "creds: seed identity " + other.public_key().text() +
                                                         " != JWT subject " + id()));
}

TEST_F(CredsTest, DamagedSeedIsRefused) {
  std::string damaged = Seed();
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  EXPECT_THAT(Creds::Parse(JwtBlock() + Block("USER NKEY SEED", damaged)),
              StatusIs(kInvalid, "nkeys: invalid checksum"));
  EXPECT_THAT(Creds::Parse(JwtBlock() + Block("USER NKEY SEED", "")),
              StatusIs(kInvalid, HasSubstr("the user nkey seed block is not one line")));
}

TEST_F(CredsTest, SeedOfAnAccountIsRefused) {
  const KeyPair account = *KeyPair::Generate(NkeyKind::kAccount);
  EXPECT_THAT(Creds::Parse(JwtBlock() + Block("USER NKEY SEED", std::string(account.Seed().ExposeText()))),
              StatusIs(kInvalid, HasSubstr("not a user's")));
}

TEST_F(CredsTest, SecondBlockOfAKindIsRefused) {
  EXPECT_THAT(Creds::Parse(JwtBlock() + SeedBlock() + SeedBlock()),
              StatusIs(kInvalid, "creds: more than one user nkey seed block"));
  EXPECT_THAT(Creds::Parse(JwtBlock() + JwtBlock() + SeedBlock()),
              StatusIs(kInvalid, "creds: more than one user JWT block"));
}

TEST_F(CredsTest, BlockThatDoesNotEndIsRefused) {
  const std::string open = "-----BEGIN USER NKEY SEED-----\n" + Seed() + "\n";
  EXPECT_THAT(Creds::Parse(JwtBlock() + open), StatusIs(kInvalid, HasSubstr("BEGIN and END")));
  EXPECT_THAT(Creds::Parse(open + JwtBlock()), StatusIs(kInvalid, HasSubstr("BEGIN and END")));
}

TEST_F(CredsTest, TextBeyondTheBoundIsNotLookedAt) {
  EXPECT_THAT(Creds::Parse(std::string(kMaxCredsBytes + 1, '-')),
              StatusIs(kInvalid, HasSubstr("longer than")));
}

TEST_F(CredsTest, SavedFileIsForItsOwnerOnly) {
  const std::string path = ::testing::TempDir() + "/owner.creds";
  std::filesystem::remove(path);
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Make(jwt_, *KeyPair::FromSeed(Seed())));
  ASSERT_THAT(creds.Save(path, IfExists::kFail), IsOk());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  MW_ASSERT_OK_AND_ASSIGN(const Creds loaded, Creds::Load(path));
  EXPECT_EQ(loaded.id(), id());
}

TEST_F(CredsTest, SaveDoesNotOverwriteUnlessTold) {
  const std::string path = ::testing::TempDir() + "/kept.creds";
  std::ofstream(path) << "kept";
  MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Make(jwt_, *KeyPair::FromSeed(Seed())));
  EXPECT_THAT(creds.Save(path, IfExists::kFail), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(ReadFile(path, 100), ::meshwarden::testing::IsOkAndHolds("kept"));
  EXPECT_THAT(creds.Save(path, IfExists::kReplace), IsOk());
  EXPECT_THAT(Creds::Load(path), IsOk());
}

TEST_F(CredsTest, LoadNamesTheFile) {
  const std::string path = ::testing::TempDir() + "/broken.creds";
  std::ofstream(path) << JwtBlock();
  EXPECT_THAT(Creds::Load(path), StatusIs(kInvalid, AllOf(StartsWith(path), HasSubstr("no user nkey seed"))));
  EXPECT_THAT(Creds::Load(path + ".not"), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
}

}  // namespace
}  // namespace meshwarden::creds_test
