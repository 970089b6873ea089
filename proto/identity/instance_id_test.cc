#include "proto/identity/instance_id.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/identity/nkey.h"

namespace meshwarden::instance_id_test {
namespace {

TEST(IsInstanceIdTest, AUsersPublicKeyIsOne) {
  const auto user = KeyPair::Generate(NkeyKind::kUser);
  ASSERT_TRUE(user.ok());
  std::string id = user->public_key().text();
  EXPECT_TRUE(IsInstanceId(id));
  id.back() = id.back() == 'A' ? 'B' : 'A';
  EXPECT_FALSE(IsInstanceId(id));
}

TEST(IsInstanceIdTest, AnotherKindOfKeyIsNone) {
  const auto account = KeyPair::Generate(NkeyKind::kAccount);
  ASSERT_TRUE(account.ok());
  EXPECT_FALSE(IsInstanceId(account->public_key().text()));
}

TEST(IsInstanceIdTest, AUuidIsOne) {
  EXPECT_TRUE(IsInstanceId("01234567-89ab-cdef-0123-456789ABCDEF"));
  EXPECT_FALSE(IsInstanceId("01234567-89ab-cdef-0123-456789abcde"));
  EXPECT_FALSE(IsInstanceId("01234567-89ab-cdef-0123-456789abcdeg"));
  EXPECT_FALSE(IsInstanceId("01234567x89ab-cdef-0123-456789abcdef"));
}

TEST(IsInstanceIdTest, ANameIsNone) {
  EXPECT_FALSE(IsInstanceId(""));
  EXPECT_FALSE(IsInstanceId("bob"));
}

}  // namespace
}  // namespace meshwarden::instance_id_test
