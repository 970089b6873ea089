#include "proto/uuid.h"

#include <gtest/gtest.h>

#include <regex>
#include <string_view>

namespace meshwarden::uuid_test {
namespace {

TEST(NewUuidTest, HasTheFormOfAVersion4Uuid) {
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(std::regex_match(NewUuid(), form));
}

TEST(NewUuidTest, TwoAreNotTheSame) { EXPECT_NE(NewUuid(), NewUuid()); }

TEST(IsUuidTest, EitherCaseAndEveryVersionIsOne) {
  EXPECT_TRUE(IsUuid("bdd096e1-5303-4525-9c5e-b3111287a323"));
  EXPECT_TRUE(IsUuid("BDD096E1-5303-4525-9C5E-B3111287A323"));
  EXPECT_TRUE(IsUuid("00000000-0000-0000-0000-000000000000"));
  EXPECT_TRUE(IsUuid(NewUuid()));
}

TEST(IsUuidTest, AnotherShapeIsNone) {
  for (const std::string_view text :
       {"", "bdd096e1", "bdd096e1-5303-4525-9c5e-b3111287a32", "bdd096e1-5303-4525-9c5e-b3111287a3233",
        "bdd096e1-5303-4525-9c5e-b3111287a323\n", "bdd096e1-5303-4525-9c5e-b3111287a32g",
        "bdd096e1x5303-4525-9c5e-b3111287a323", "bdd096e15-303-4525-9c5e-b3111287a323",
        "bdd096e1-5303-4525-9c5e-b3111287a32-", "{bdd096e-5303-4525-9c5e-b3111287a32}"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
  EXPECT_FALSE(IsUuid(std::string_view("bdd096e1-5303-4525-9c5e-b3111287a32\0", 36)));
}

}  // namespace
}  // namespace meshwarden::uuid_test
