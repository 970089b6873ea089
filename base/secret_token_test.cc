#include "base/secret_token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace meshwarden::secret_token_test {
namespace {

constexpr char kToken[] = "ABCDEFGHIJKLMNOPQRSTUVWX27";

TEST(SecretTokenTest, EachIsANewOneOfTheForm) {
  std::set<std::string> made;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = MakeSecretToken();
    EXPECT_TRUE(IsSecretToken(token)) << token;
    made.insert(token);
  }
  EXPECT_EQ(made.size(), 1000U);
}

TEST(SecretTokenTest, AllCharactersOccur) {
  std::set<char> used;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = MakeSecretToken();
    used.insert(token.begin(), token.end());
  }
  EXPECT_EQ(used.size(), 32U);
}

TEST(SecretTokenTest, OtherTextsAreNone) {
  EXPECT_TRUE(IsSecretToken(kToken));
  EXPECT_FALSE(IsSecretToken(""));
  EXPECT_FALSE(IsSecretToken(std::string(25, 'A')));
  EXPECT_FALSE(IsSecretToken(std::string(27, 'A')));
  EXPECT_FALSE(IsSecretToken(std::string(25, 'A') + "a"));
  EXPECT_FALSE(IsSecretToken(std::string(25, 'A') + "1"));
  EXPECT_FALSE(IsSecretToken(std::string(25, 'A') + "."));
}

TEST(SecretTokenTest, IsMaskedWhereverItStands) {
  const std::string token = kToken;
  EXPECT_EQ(MaskSecretTokens(token), "***");
  EXPECT_EQ(MaskSecretTokens("$JS.API." + token + ".STREAM.PURGE.X"), "$JS.API.***.STREAM.PURGE.X");
  EXPECT_EQ(MaskSecretTokens("to \"$KV.b." + token + ".rec.U\" and " + token + "!"),
            "to \"$KV.b.***.rec.U\" and ***!");
  EXPECT_EQ(MaskSecretTokens(token + "." + token), "***.***");
}

TEST(SecretTokenTest, OtherWordsStay) {
  const std::string key = "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC";
  for (const std::string& text : {std::string(), std::string("a b"), key, "_INBOX_" + key + ".>",
                                  std::string(kToken) + "A", "x" + std::string(kToken), std::string("é…")}) {
    EXPECT_EQ(MaskSecretTokens(text), text);
  }
}

}  // namespace
}  // namespace meshwarden::secret_token_test
