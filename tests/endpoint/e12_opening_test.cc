// E12: when the live stream of the channels is opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e12_opening_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OpeningTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, OpeningTest, kBothModes, kModeName);

// While it lives no thread can be made in this process, and so no subscription.
class NoNewThreads {
 public:
  NoNewThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t none;
    pthread_attr_init(&none);
    // More than there are addresses.
    pthread_attr_setstacksize(&none, std::size_t{1} << 48);
    set_ = pthread_setattr_default_np(&none) == 0;
    pthread_attr_destroy(&none);
  }
  ~NoNewThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoNewThreads(const NoNewThreads&) = delete;
  NoNewThreads& operator=(const NoNewThreads&) = delete;
  bool set() const { return set_; }

 private:
  pthread_attr_t before_{};
  bool set_ = false;
};

TEST_P(OpeningTest, E12_AStreamThatCouldNotBeOpenedIsOpenedLater) {
  // A roster to be told of from the start.
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.retry_wait = milliseconds(100);
  Member bob;
  Collector<bool> entered;
  Collector<bool> release;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) { bob.messages.Add(std::move(message)); };
  handlers.on_error = [&](const absl::Status& status) { bob.errors.Add(status); };
  // The stream is opened when all that came before has been handled: not while this runs.
  handlers.on_roster = [&](const std::vector<Presence>&) {
    entered.Add(true);
    release.Await(1);
  };
  MW_ASSERT_OK_AND_ASSIGN(bob.endpoint, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(bob.endpoint->Start(), IsOk());
  ASSERT_EQ(entered.Await(1).size(), 1u);
  {
    const NoNewThreads no_new_threads;
    ASSERT_TRUE(no_new_threads.set());
    release.Add(true);
    ASSERT_TRUE(bob.AwaitError("nothing arrives live"));
  }
  ASSERT_THAT(space_->Post("general", "live"), IsOk());
  EXPECT_TRUE(bob.AwaitText("live"));
  EXPECT_TRUE(bob.endpoint->connected());
  bob.endpoint->Stop();
}

TEST_P(OpeningTest, E12_TheFirstChannelMayBeJoinedLater) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.channels.emplace();
  // Longer than this test: the join itself must see to it.
  options.retry_wait = std::chrono::minutes(10);
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  ASSERT_THAT(space_->Post("general", "before"), IsOk());
  EXPECT_THAT(bob->Texts(1, milliseconds(300)), IsEmpty());
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob->endpoint->JoinChannel("general"));
  EXPECT_TRUE(joined.joined);
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  ASSERT_TRUE(bob->AwaitText("after"));
  EXPECT_THAT(bob->Texts(3, milliseconds(300)), ElementsAre("before", "after"));
  EXPECT_THAT(bob->errors.Await(0), IsEmpty());
  // And it stays so.
  ASSERT_THAT(bob->endpoint->Reconnect(), IsOk());
  ASSERT_THAT(space_->Post("general", "again"), IsOk());
  EXPECT_TRUE(bob->AwaitText("again"));
}

}  // namespace
}  // namespace meshwarden::testing::e12_opening_test
