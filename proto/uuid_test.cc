#include "proto/uuid.h"

#include <gtest/gtest.h>

#include <regex>

namespace meshwarden {
namespace {

TEST(NewUuidTest, HasTheFormOfAVersion4Uuid) {
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(std::regex_match(NewUuid(), form));
}

TEST(NewUuidTest, TwoAreNotTheSame) { EXPECT_NE(NewUuid(), NewUuid()); }

}  // namespace
}  // namespace meshwarden
