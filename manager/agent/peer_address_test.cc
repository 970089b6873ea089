#include "manager/agent/peer_address.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/identity/nkey.h"

namespace meshwarden {
namespace {

TEST(IsAddressTest, AUsersPublicKeyIsOne) {
  const auto user = KeyPair::Generate(NkeyKind::kUser);
  ASSERT_TRUE(user.ok());
  std::string id = user->public_key().text();
  EXPECT_TRUE(IsAddress(id));
  id.back() = id.back() == 'A' ? 'B' : 'A';
  EXPECT_FALSE(IsAddress(id));
}

TEST(IsAddressTest, AnotherKindOfKeyIsNone) {
  const auto account = KeyPair::Generate(NkeyKind::kAccount);
  ASSERT_TRUE(account.ok());
  EXPECT_FALSE(IsAddress(account->public_key().text()));
}

TEST(IsAddressTest, AUuidIsOne) {
  EXPECT_TRUE(IsAddress("01234567-89ab-cdef-0123-456789ABCDEF"));
  EXPECT_FALSE(IsAddress("01234567-89ab-cdef-0123-456789abcde"));
  EXPECT_FALSE(IsAddress("01234567-89ab-cdef-0123-456789abcdeg"));
  EXPECT_FALSE(IsAddress("01234567x89ab-cdef-0123-456789abcdef"));
}

TEST(IsAddressTest, ANameIsNone) {
  EXPECT_FALSE(IsAddress(""));
  EXPECT_FALSE(IsAddress("bob"));
}

}  // namespace
}  // namespace meshwarden
