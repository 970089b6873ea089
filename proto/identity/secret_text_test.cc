#include "proto/identity/secret_text.h"

#include <gtest/gtest.h>

namespace meshwarden::secret_text_test {
namespace {

TEST(JoinSecretTest, PartsStandOneAfterTheOther) {
  EXPECT_EQ(JoinSecret({"seed=", "", "SUA", "\n"}).ExposeText(), "seed=SUA\n");
}

TEST(JoinSecretTest, NothingJoinsToNothing) {
  EXPECT_TRUE(JoinSecret({}).empty());
  EXPECT_TRUE(JoinSecret({"", ""}).empty());
}

TEST(JoinSecretTest, BytesAboveAsciiStayAsTheyAre) {
  EXPECT_EQ(JoinSecret({"\xC3\xA9", "\xFF"}).ExposeText(), "\xC3\xA9\xFF");
}

}  // namespace
}  // namespace meshwarden::secret_text_test
