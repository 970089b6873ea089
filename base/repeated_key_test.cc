#include "base/repeated_key.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshwarden::repeated_key_test {
namespace {

std::vector<std::string> Numbered(int count) {
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i) keys.push_back(std::to_string(i));
  return keys;
}

TEST(FindRepeatedKeyTest, KeysThatDifferAreNotRepeated) {
  for (const int count : {0, 1, 2, 8, 9, 17, 1000, 100'000}) {
    EXPECT_EQ(FindRepeatedKey(Numbered(count)), nullptr) << count;
  }
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(FindRepeatedKey(std::vector<std::string>{"a", with_nul, "", "A"}), nullptr);
}

TEST(FindRepeatedKeyTest, OneThatIsThereTwiceIsFoundWhereverItStands) {
  for (const std::size_t count : {2U, 3U, 8U, 9U, 1000U}) {
    for (const std::size_t first : {std::size_t{0}, (count - 1) / 2, count - 2}) {
      std::vector<std::string> keys = Numbered(static_cast<int>(count));
      keys.back() = keys[first];
      const std::string* const found = FindRepeatedKey(keys);
      ASSERT_NE(found, nullptr) << count << " " << first;
      EXPECT_EQ(*found, keys[first]);
    }
  }
}

}  // namespace
}  // namespace meshwarden::repeated_key_test
