#include "base/die.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace meshwarden::die_test {
namespace {

TEST(DieDeathTest, SaysWhy) { EXPECT_DEATH(Die("no memory left"), "no memory left\n"); }

TEST(DieDeathTest, DoesNotWaitForWhoeverReadsThat) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::fcntl(pipe[1], F_SETPIPE_SZ, 4096), 4096);
  const std::array<char, 4096> full{};
  ASSERT_EQ(::write(pipe[1], full.data(), full.size()), 4096);
  EXPECT_EXIT(
      {
        ::dup2(pipe[1], STDERR_FILENO);
        Die("no memory left");
      },
      ::testing::KilledBySignal(SIGABRT), "");
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace meshwarden::die_test
