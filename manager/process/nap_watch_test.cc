#include "manager/process/nap_watch.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <utility>

namespace meshwarden::nap_watch_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr NapWatch::Options kBrief{.tick = milliseconds(20), .late = milliseconds(800)};

// Stops this process for `time`, by a child that outlives it for that.
void StandStill(milliseconds time) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    kill(parent, SIGSTOP);
    poll(nullptr, 0, static_cast<int>(time.count()));
    kill(parent, SIGCONT);
    _exit(0);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
}

TEST(NapWatchTest, IsAwakeBeforeItWatchesAndAfterwards) {
  NapWatch watch(kBrief);
  EXPECT_TRUE(watch.IsAwake());
  watch.Start([](milliseconds) {});
  EXPECT_TRUE(watch.IsAwakeSince(watch.Now()));
  watch.Stop();
  EXPECT_TRUE(watch.IsAwake());
}

TEST(NapWatchTest, StandingStillIsANap) {
  NapWatch watch(kBrief);
  std::promise<milliseconds> napped;
  std::promise<void> go_on;
  watch.Start([&napped, told = false, go_on = go_on.get_future().share()](milliseconds length) mutable {
    if (!std::exchange(told, true)) napped.set_value(length);
    go_on.wait();
  });
  const NapWatch::Stamp before = watch.Now();
  StandStill(milliseconds(1200));
  EXPECT_FALSE(watch.IsAwakeSince(before));
  std::future<milliseconds> length = napped.get_future();
  ASSERT_EQ(length.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_GE(length.get(), kBrief.late);
  // Not before it has been looked after.
  EXPECT_NE(watch.Now(), before);
  go_on.set_value();
  watch.Stop();
  EXPECT_FALSE(watch.IsAwakeSince(before));
  EXPECT_TRUE(watch.IsAwakeSince(watch.Now()));
}

}  // namespace
}  // namespace meshwarden::nap_watch_test
