#include "base/secret.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "tests/support/sanitizer.h"

namespace meshwarden::secret_test {
namespace {

TEST(Secret, HoldsACopyOfTheText) {
  std::string text = "SUAX";
  const Secret secret = Secret::CopyOf(text);
  text = "....";
  EXPECT_EQ(secret.ExposeText(), "SUAX");
  EXPECT_EQ(secret.size(), 4u);
}

TEST(Secret, StartsZeroed) {
  const Secret secret(3);
  EXPECT_EQ(secret.ExposeText(), std::string_view("\0\0\0", 3));
}

TEST(Secret, MovingEmptiesTheSource) {
  Secret first = Secret::CopyOf("abc");
  Secret second = std::move(first);
  EXPECT_EQ(second.ExposeText(), "abc");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  Secret third;
  third = std::move(second);
  EXPECT_EQ(third.ExposeText(), "abc");
}

TEST(Secret, AnEmptyOneIsFine) {
  EXPECT_TRUE(Secret().empty());
  EXPECT_TRUE(Secret::CopyOf("").empty());
}

// Reading a wiped secret must end the process rather than return what was there.
TEST(SecretDeathTest, MemoryIsGoneAfterTheObject) {
  EXPECT_DEATH(
      {
        const unsigned char* address = nullptr;
        {
          const Secret secret = Secret::CopyOf("abc");
          address = secret.Expose().data();
        }
        volatile unsigned char byte = *address;
        (void)byte;
      },
      "");
}

TEST(SecretDeathTest, TellsWhereNoMemoryCanBeLocked) {
  EXPECT_EXIT(
      {
        const rlimit none{};
        ::setrlimit(RLIMIT_MEMLOCK, &none);
        // Whoever is root may lock what it likes.
        if (::geteuid() == 0 && ::setresuid(65'534, 65'534, 65'534) != 0) ::_exit(2);
        ::_exit(Secret::AreLocked() ? 1 : 0);
      },
      ::testing::ExitedWithCode(testing::kSanitized ? 1 : 0),
      "");  // sanitizers lock nothing, and say so of none
}

TEST(WipeMemory, OverwritesWithZeros) {
  std::string text = "seed";
  WipeMemory(text.data(), text.size());
  EXPECT_EQ(text, std::string(4, '\0'));
}

}  // namespace
}  // namespace meshwarden::secret_test
