#include "proto/identity/nkey.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden::nkey_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Throw-away keys that another implementation made.
constexpr std::string_view kUserSeed = "SUAO35Y7YU4W7XXXRSXQFYAAZF2BDWC5462MWUZ77V22TWJ3RVY65OTOXA";
constexpr std::string_view kUserId = "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC";
constexpr std::string_view kAccountSeed = "SAAL4DUSSW5BZTHISIMLAENT6RFJJUK6LXLGLXGXSQVIAJVTD4OV3IG4AY";
constexpr std::string_view kAccountId = "ABV6EX2LGNVXDDCGV7HT2QZGCU5LIQ4JJNGYTISFMQADD5JBIRHGZKGX";
constexpr std::string_view kOperatorSeed = "SOAMT2CCHLFKJOM4WL6DPQFRZUUIELHTKQBNI5CFQA7DXIL56DPASDZ5FM";
constexpr std::string_view kOperatorId = "OBLT5FYFLXLH4TSVM6MM2PHT35CM2GC2PCNHNNJA6F5GVQS2XJBJQHZ4";

std::string Replaced(std::string_view text, std::size_t at, char c) {
  std::string changed(text);
  changed.at(at) = c;
  return changed;
}

TEST(NkeyTest, SeedsOfOthersGiveTheirPublicKeys) {
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair user, KeyPair::FromSeed(kUserSeed));
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair account, KeyPair::FromSeed(kAccountSeed));
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair operator_key, KeyPair::FromSeed(kOperatorSeed));
  EXPECT_EQ(user.public_key().text(), kUserId);
  EXPECT_EQ(account.public_key().text(), kAccountId);
  EXPECT_EQ(operator_key.public_key().text(), kOperatorId);
  EXPECT_EQ(user.Seed().ExposeText(), kUserSeed);
}

TEST(NkeyTest, EveryKindHasItsPrefixInKeyAndSeed) {
  for (const auto& [kind, letter] : {std::pair(NkeyKind::kOperator, 'O'),
                                     {NkeyKind::kAccount, 'A'},
                                     {NkeyKind::kUser, 'U'},
                                     {NkeyKind::kServer, 'N'},
                                     {NkeyKind::kCluster, 'C'},
                                     {NkeyKind::kCurve, 'X'}}) {
    MW_ASSERT_OK_AND_ASSIGN(const KeyPair pair, KeyPair::Generate(kind));
    EXPECT_EQ(PrefixOf(kind), letter);
    EXPECT_EQ(pair.public_key().text().front(), letter);
    EXPECT_EQ(pair.Seed().ExposeText().substr(0, 2), std::string("S") + letter);
    MW_ASSERT_OK_AND_ASSIGN(const KeyPair again, KeyPair::FromSeed(pair.Seed().ExposeText()));
    EXPECT_EQ(again.public_key(), pair.public_key());
    EXPECT_THAT(PublicNkey::ParseAs(kind, pair.public_key().text()), IsOk());
  }
}

TEST(NkeyTest, GeneratedKeysDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) seen.insert(KeyPair::Generate(NkeyKind::kUser)->public_key().text());
  EXPECT_EQ(seen.size(), 20U);
}

TEST(NkeyTest, SignatureHoldsForItsMessageAndKeyOnly) {
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair user, KeyPair::FromSeed(kUserSeed));
  MW_ASSERT_OK_AND_ASSIGN(const PublicNkey other, PublicNkey::Parse(kAccountId));
  Signature signature = user.Sign("nonce");
  EXPECT_TRUE(user.public_key().Verify("nonce", signature));
  EXPECT_FALSE(user.public_key().Verify("nonces", signature));
  EXPECT_FALSE(other.Verify("nonce", signature));
  EXPECT_FALSE(user.public_key().Verify("nonce", std::span(signature).first(63)));
  signature[7] ^= 1;
  EXPECT_FALSE(user.public_key().Verify("nonce", signature));
}

TEST(NkeyTest, CurveKeysNeitherSignNorVerify) {
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair curve, KeyPair::Generate(NkeyKind::kCurve));
  EXPECT_EQ(curve.Sign("message"), Signature{});
  EXPECT_FALSE(curve.public_key().Verify("message", curve.Sign("message")));
}

TEST(NkeyTest, PublicKeyOfAnotherKindIsRefused) {
  EXPECT_THAT(PublicNkey::ParseAs(NkeyKind::kUser, kUserId), IsOk());
  EXPECT_THAT(PublicNkey::ParseAs(NkeyKind::kUser, kAccountId),
              StatusIs(kInvalid, HasSubstr("begins with A, not U")));
  EXPECT_THAT(PublicNkey::ParseAs(NkeyKind::kAccount, kOperatorId), StatusIs(kInvalid));
}

TEST(NkeyTest, ChangedPublicKeyFailsTheChecksum) {
  for (std::size_t at = 1; at < kUserId.size(); ++at) {
    const char other = kUserId[at] == 'A' ? 'B' : 'A';
    EXPECT_THAT(PublicNkey::Parse(Replaced(kUserId, at, other)),
                StatusIs(kInvalid, "nkeys: invalid checksum"));
  }
}

TEST(NkeyTest, PublicKeyMustBeWholeAndUpperCase) {
  EXPECT_THAT(PublicNkey::Parse(""), StatusIs(kInvalid, HasSubstr("has 56 characters, not 0")));
  EXPECT_THAT(PublicNkey::Parse(kUserId.substr(1)), StatusIs(kInvalid, HasSubstr("not 55")));
  EXPECT_THAT(PublicNkey::Parse(Replaced(kUserId, 5, 'a')), StatusIs(kInvalid, HasSubstr("upper case")));
  EXPECT_THAT(PublicNkey::Parse(Replaced(kUserId, 5, '1')), StatusIs(kInvalid, HasSubstr("base32")));
  EXPECT_THAT(PublicNkey::Parse(Replaced(kUserId, 5, '\0')), StatusIs(kInvalid, HasSubstr("base32")));
}

TEST(NkeyTest, UnknownPrefixWithARightChecksumIsRefused) {
  // Made with the prefix letter B, of no kind.
  EXPECT_THAT(PublicNkey::Parse("BAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7G74"),
              StatusIs(kInvalid, HasSubstr("invalid prefix byte")));
}

TEST(NkeyTest, ChangedSeedFailsTheChecksum) {
  EXPECT_THAT(KeyPair::FromSeed(Replaced(kUserSeed, 20, kUserSeed[20] == 'A' ? 'B' : 'A')),
              StatusIs(kInvalid, "nkeys: invalid checksum"));
  EXPECT_THAT(KeyPair::FromSeed(Replaced(kUserSeed, 57, kUserSeed[57] == 'A' ? 'I' : 'A')),
              StatusIs(kInvalid, "nkeys: invalid checksum"));
}

TEST(NkeyTest, SeedWithBitsAfterItsEndIsRefused) {
  // The two last bits of the text belong to no byte: the checksum does not see them.
  const std::size_t last = kUserSeed.size() - 1;
  ASSERT_EQ(kUserSeed[last], 'A');
  EXPECT_THAT(KeyPair::FromSeed(Replaced(kUserSeed, last, 'B')), StatusIs(kInvalid, HasSubstr("bits set")));
  EXPECT_THAT(KeyPair::FromSeed(Replaced(kUserSeed, last, 'D')), StatusIs(kInvalid, HasSubstr("bits set")));
}

TEST(NkeyTest, SeedPrefixesAreBothChecked) {
  // Right checksums around: no S in front; an S before the prefix of no kind; an S and U with spare bits set.
  EXPECT_THAT(KeyPair::FromSeed("UUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H3UAM"),
              StatusIs(kInvalid, HasSubstr("invalid seed")));
  EXPECT_THAT(KeyPair::FromSeed("SBAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYNLE"),
              StatusIs(kInvalid, HasSubstr("invalid prefix byte")));
  EXPECT_THAT(KeyPair::FromSeed("SUAQAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HZDPM"),
              StatusIs(kInvalid, HasSubstr("invalid prefix byte")));
}

TEST(NkeyTest, SeedErrorsNeverQuoteTheSeed) {
  for (const std::string& seed : {Replaced(kUserSeed, 30, 'a'), Replaced(kUserSeed, 30, 'A'),
                                  std::string(kUserSeed.substr(0, 57)), std::string(kUserSeed) + "\n"}) {
    EXPECT_THAT(KeyPair::FromSeed(seed), StatusIs(kInvalid, Not(HasSubstr(seed.substr(2, 10)))));
  }
}

TEST(NkeyTest, PublicKeyIsNoSeed) {
  EXPECT_THAT(KeyPair::FromSeed(kUserId), StatusIs(kInvalid, HasSubstr("has 58 characters, not 56")));
  EXPECT_THAT(PublicNkey::Parse(kUserSeed), StatusIs(kInvalid, HasSubstr("has 56 characters, not 58")));
}

}  // namespace
}  // namespace meshwarden::nkey_test
