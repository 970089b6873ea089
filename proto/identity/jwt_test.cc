#include "proto/identity/jwt.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden::jwt_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// A throw-away operator of another implementation, and the token of the system account that it signed.
constexpr std::string_view kOperatorSeed = "SOAMT2CCHLFKJOM4WL6DPQFRZUUIELHTKQBNI5CFQA7DXIL56DPASDZ5FM";
constexpr std::string_view kOperatorId = "OBLT5FYFLXLH4TSVM6MM2PHT35CM2GC2PCNHNNJA6F5GVQS2XJBJQHZ4";
constexpr std::string_view kSystemId = "ADS2DUBKARQ5ZJEFUIWHPZZWH4Q7NY32LX2O6Z7REDQABMIRDLWU5L6C";
constexpr std::string_view kSystemJwt =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJhdWQiOiJOQVRTIiwibmFtZSI6IlNZUyIsI"
    "nN1YiI6IkFEUzJEVUJLQVJRNVpKRUZVSVdIUFpaV0g0UTdOWTMyTFgyTzZaN1JFRFFBQk1JUkRMV1U1TDZDI"
    "iwibmF0cyI6eyJsaW1pdHMiOnsic3VicyI6LTEsImNvbm4iOi0xLCJsZWFmIjotMSwiaW1wb3J0cyI6LTEsI"
    "mV4cG9ydHMiOi0xLCJkYXRhIjotMSwicGF5bG9hZCI6LTEsIndpbGRjYXJkcyI6dHJ1ZSwibWVtX3N0b3JhZ"
    "2UiOjAsImRpc2tfc3RvcmFnZSI6MH0sInR5cGUiOiJhY2NvdW50IiwidmVyc2lvbiI6Mn0sImlzcyI6Ik9CT"
    "FQ1RllGTFhMSDRUU1ZNNk1NMlBIVDM1Q00yR0MyUENOSE5OSkE2RjVHVlFTMlhKQkpRSFo0IiwiaWF0IjoxN"
    "zk1NDA3ODU5LCJqdGkiOiJVeWNFU1BXc1B1ZVZKRmhacDVCcm51TCtWbVdsck5KQ3ZnbW5mcVVOdU5qbE9tV"
    "HppVTN0WlgyT012a1AzcWlSSUdQMk9ESzVteS82STM2WklrYWF3Zz09In0.jTZ_qlTOTMzlBuoDm2BmsLRwd"
    "N1KuiaCd8DNhGsV8EdoCxKql8hlsUfXi-Pz8k9MfQC_d5crZRqvQSLNTFHFCA";
constexpr SystemTime kIssuedAt{std::chrono::seconds(1795407859)};
constexpr std::string_view kHeader = R"({"typ":"JWT","alg":"ed25519-nkey"})";

KeyPair Operator() { return *KeyPair::FromSeed(kOperatorSeed); }
KeyPair NewKey(NkeyKind kind) { return *KeyPair::Generate(kind); }

JwtClaims UserClaims(const KeyPair& user) {
  return {.subject = user.public_key().text(),
          .name = "agent",
          .nats = Json{{"subs", -1}, {"type", "user"}, {"version", 2}},
          .expires = std::nullopt};
}

// A token of any header and claims, with a good signature of `issuer`; what DecodeJwt says of it.
absl::Status DecodeSigned(const KeyPair& issuer, std::string_view header, std::string_view claims) {
  std::string token = EncodeBase64Url(header) + "." + EncodeBase64Url(claims);
  const Signature signature = issuer.Sign(token);
  token += "." + EncodeBase64Url({reinterpret_cast<const char*>(signature.data()), signature.size()});
  return DecodeJwt(token).status();
}

// The claims of a good user token with some of them replaced; null takes a claim away.
std::string ClaimsWith(const KeyPair& issuer, const Json& changes) {
  Json claims{{"sub", NewKey(NkeyKind::kUser).public_key().text()},
              {"nats", Json{{"type", "user"}, {"version", 2}}},
              {"iss", issuer.public_key().text()},
              {"iat", 1700000000}};
  for (const auto& [key, value] : changes.items()) {
    claims[key] = value;
    if (value.is_null()) claims.erase(key);
  }
  return DumpJson(claims);
}

TEST(JwtTest, ReadsATokenOfAnotherImplementation) {
  MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(kSystemJwt));
  EXPECT_EQ(jwt.claims.subject, kSystemId);
  EXPECT_EQ(jwt.claims.name, "SYS");
  EXPECT_EQ(jwt.issuer, kOperatorId);
  EXPECT_EQ(jwt.issued_at, kIssuedAt);
  EXPECT_EQ(jwt.claims.expires, std::nullopt);
  EXPECT_EQ(jwt.claims.nats.at("limits").at("disk_storage"), 0);
}

TEST(JwtTest, WritesTheSameTokenByteForByte) {
  MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(kSystemJwt));
  EXPECT_THAT(EncodeJwt(jwt.claims, Operator(), jwt.issued_at), IsOkAndHolds(kSystemJwt));
}

TEST(JwtTest, ExpiryComesFirstAndIsKept) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  JwtClaims claims = UserClaims(NewKey(NkeyKind::kUser));
  claims.expires = kIssuedAt + std::chrono::hours(24);
  MW_ASSERT_OK_AND_ASSIGN(const std::string token, EncodeJwt(claims, account, kIssuedAt));
  MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(token));
  EXPECT_EQ(jwt.claims.expires, claims.expires);
  EXPECT_EQ(jwt.raw_claims.begin().key(), "exp");
}

TEST(JwtTest, TokenExpiresInTheSecondOfItsExpiry) {
  JwtClaims claims;
  EXPECT_FALSE(HasExpired(claims, SystemTime::max()));
  claims.expires = kIssuedAt;
  EXPECT_FALSE(HasExpired(claims, kIssuedAt - std::chrono::nanoseconds(1)));
  EXPECT_TRUE(HasExpired(claims, kIssuedAt));
}

TEST(JwtTest, TokenOfOtherThanThreePartsIsRefused) {
  for (const std::string_view token : {"", ".", "..", "a", "a.b", "a.b.c.d", "...."}) {
    EXPECT_THAT(DecodeJwt(token), StatusIs(kInvalid, StartsWith("jwt: "))) << token;
  }
  EXPECT_THAT(DecodeJwt(std::string(kSystemJwt) + "."), StatusIs(kInvalid, HasSubstr("three parts")));
}

TEST(JwtTest, AnyChangedCharacterIsRefused) {
  for (std::size_t at = 0; at < kSystemJwt.size(); ++at) {
    std::string token(kSystemJwt);
    token[at] = token[at] == 'A' ? 'B' : 'A';
    EXPECT_THAT(DecodeJwt(token), StatusIs(kInvalid)) << at;
  }
}

TEST(JwtTest, SignatureOfAnotherKeyIsRefused) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  const KeyPair impostor = NewKey(NkeyKind::kAccount);
  EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, Json::object())), IsOk());
  EXPECT_THAT(DecodeSigned(impostor, kHeader, ClaimsWith(account, Json::object())),
              StatusIs(kInvalid, "jwt: signature is not the issuer's"));
}

TEST(JwtTest, HeaderMustBeTheOneOfNats) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  const std::string claims = ClaimsWith(account, Json::object());
  EXPECT_THAT(DecodeSigned(account, R"({"alg":"ed25519-nkey","typ":"JWT"})", claims), IsOk());
  for (const std::string_view header :
       {R"({"typ":"JWT","alg":"none"})", R"({"typ":"JWT","alg":"ed25519"})",
        R"({"typ":"jwt","alg":"ed25519-nkey"})", R"({"typ":"JWT"})",
        R"({"typ":"JWT","alg":"ed25519-nkey","crit":[]})", R"({"typ":"JWT","alg":7})"}) {
    EXPECT_THAT(DecodeSigned(account, header, claims), StatusIs(kInvalid, HasSubstr("header"))) << header;
  }
}

TEST(JwtTest, IssuerMustBeOfAKindThatMaySign) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  const KeyPair user = NewKey(NkeyKind::kUser);
  const JwtClaims account_claims{.subject = account.public_key().text(),
                                 .name = "main",
                                 .nats = Json{{"type", "account"}, {"version", 2}},
                                 .expires = std::nullopt};
  EXPECT_THAT(EncodeJwt(account_claims, Operator(), kIssuedAt), IsOk());
  EXPECT_THAT(EncodeJwt(account_claims, user, kIssuedAt),
              StatusIs(kInvalid, HasSubstr("begins with U cannot sign for a type account")));
  EXPECT_THAT(EncodeJwt(UserClaims(user), Operator(), kIssuedAt),
              StatusIs(kInvalid, HasSubstr("begins with O cannot sign for a type user")));
  EXPECT_THAT(DecodeSigned(user, kHeader, ClaimsWith(user, Json::object())),
              StatusIs(kInvalid, HasSubstr("begins with U cannot sign")));
}

TEST(JwtTest, SubjectMustBeOfTheTokensType) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{"sub", kSystemId}})),
              StatusIs(kInvalid, HasSubstr("subject: nkeys: invalid prefix byte")));
  EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{"sub", nullptr}})),
              StatusIs(kInvalid, HasSubstr("\"sub\"")));
  EXPECT_THAT(EncodeJwt(UserClaims(account), account, kIssuedAt), StatusIs(kInvalid, HasSubstr("subject")));
}

TEST(JwtTest, TypeAndVersionMustBeKnown) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  for (const Json& nats :
       {Json{{"type", "generic"}, {"version", 2}}, Json{{"version", 2}},
        Json{{"type", "user"}, {"version", 1}}, Json{{"type", "user"}}, Json("user"), Json()}) {
    EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{"nats", nats}})), StatusIs(kInvalid))
        << nats;
  }
}

TEST(JwtTest, TimesMustBeWholeSecondsWithinReason) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  for (const char* key : {"iat", "exp", "nbf"}) {
    EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{key, 7258118399}})), IsOk());
    for (const Json& value : {Json(0), Json(-1), Json(7258118400), Json(INT64_MAX), Json(UINT64_MAX),
                              Json(1.7e9), Json("1700000000"), Json(true)}) {
      EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{key, value}})),
                  StatusIs(kInvalid, HasSubstr(key)))
          << value;
    }
  }
  EXPECT_THAT(DecodeSigned(account, kHeader, ClaimsWith(account, {{"iat", nullptr}})),
              StatusIs(kInvalid, HasSubstr("iat")));
}

TEST(JwtTest, ClaimsMustBeStrictJson) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  const std::string good = ClaimsWith(account, Json::object());
  const std::string repeated = good.substr(0, good.size() - 1) + R"(,"iat":1700000001})";
  EXPECT_THAT(DecodeSigned(account, kHeader, repeated), StatusIs(kInvalid, HasSubstr("appears twice")));
  EXPECT_THAT(DecodeSigned(account, kHeader, "[" + good + "]"),
              StatusIs(kInvalid, HasSubstr("not an object")));
  EXPECT_THAT(DecodeSigned(account, kHeader, good + " x"), StatusIs(kInvalid, HasSubstr("not valid JSON")));
  EXPECT_THAT(DecodeSigned(account, kHeader, R"({"a":)" + std::string(50, '[')), StatusIs(kInvalid));
}

TEST(JwtTest, TokenBeyondTheBoundIsNotLookedAt) {
  EXPECT_THAT(
      DecodeJwt(std::string(kMaxJwtBytes + 1, '.')),
      StatusIs(kInvalid, AllOf(HasSubstr("262145 bytes"), HasSubstr("longer than the 262144 allowed"))));
  const KeyPair account = NewKey(NkeyKind::kAccount);
  JwtClaims claims = UserClaims(NewKey(NkeyKind::kUser));
  claims.nats["pub"] = std::string(kMaxJwtBytes, 'x');
  EXPECT_THAT(EncodeJwt(claims, account, kIssuedAt), StatusIs(kInvalid, HasSubstr("name fewer channels")));
}

TEST(JwtTest, TimesThatNoTokenCanHoldAreNotWritten) {
  const KeyPair account = NewKey(NkeyKind::kAccount);
  JwtClaims claims = UserClaims(NewKey(NkeyKind::kUser));
  EXPECT_THAT(EncodeJwt(claims, account, SystemTime()), StatusIs(kInvalid, HasSubstr("\"iat\"")));
  claims.expires = SystemTime::max();
  EXPECT_THAT(EncodeJwt(claims, account, kIssuedAt), StatusIs(kInvalid, HasSubstr("\"exp\"")));
}

TEST(Base64UrlTest, ReadsWhatItWrites) {
  EXPECT_EQ(EncodeBase64Url("\xFB\xEF\xFF"), "--__");
  EXPECT_EQ(EncodeBase64Url("f"), "Zg");
  EXPECT_THAT(DecodeBase64Url("--__"), IsOkAndHolds("\xFB\xEF\xFF"));
  EXPECT_THAT(DecodeBase64Url("Zg"), IsOkAndHolds("f"));
  EXPECT_THAT(DecodeBase64Url(""), IsOkAndHolds(""));
}

TEST(Base64UrlTest, OnlyTheOneSpellingIsRead) {
  for (const std::string_view text : {"Zg==", "Zh", "Z", "+/", "Zg\n", " Zg", "Z g", "\xFF\xFF\xFF\xFF"}) {
    EXPECT_THAT(DecodeBase64Url(text), StatusIs(kInvalid, HasSubstr("base64url"))) << text;
  }
}

}  // namespace
}  // namespace meshwarden::jwt_test
