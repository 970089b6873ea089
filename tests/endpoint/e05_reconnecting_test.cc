// E5: one rebuild at a time, whoever asks for it; and a stop in the middle of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e05_reconnecting_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ReconnectingTest : public BothModes {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(space_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.servers = {proxy_->url()};
    options_.retry_wait = seconds(30);
    options_.ping_interval = milliseconds(500);
    options_.connect_timeout = milliseconds(5000);
  }
  void Enter() {
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_));
    ASSERT_TRUE(bob_->AwaitConnected(true));
  }
  // Away, and in the wait of 30 s since the last attempt.
  void EnterAndBackOff() {
    Enter();
    proxy_->Refuse(true);
    proxy_->Cut();
    ASSERT_TRUE(bob_->AwaitConnected(false));
    ASSERT_TRUE(bob_->AwaitError("connection lost"));
  }
  // Returns how long it took.
  seconds StopAndCount(std::size_t threads_before) {
    const auto begin = steady_clock::now();
    bob_->endpoint->Stop();
    const auto took = std::chrono::ceil<seconds>(steady_clock::now() - begin);
    EXPECT_FALSE(bob_->endpoint->connected());
    bob_->endpoint.reset();
    EXPECT_TRUE(Eventually([&] { return CountThreads() <= threads_before; })) << CountThreads();
    return took;
  }
  // The client library starts threads of its own, once and for all.
  std::size_t CountThreadsOnceWarm() {
    EXPECT_THAT(space_->Enter(options_), IsOk());
    const std::size_t first = CountThreads();
    // It ends those of its subscriptions in its own time.
    std::size_t last = first;
    (void)Eventually(
        [&] {
          last = std::min(last, CountThreads());
          return false;
        },
        milliseconds(500));
    return last;
  }

  std::unique_ptr<TcpProxy> proxy_;
  EndpointOptions options_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, ReconnectingTest, kBothModes, kModeName);

TEST_P(ReconnectingTest, E5_ThreeWhoAskAtOnceGetOneNewConnection) {
  Enter();
  // The first attempt is held up until all have asked.
  proxy_->Hang(true);
  Collector<absl::Status> outcomes;
  std::vector<std::thread> threads;
  Collector<bool> asking;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      asking.Add(true);
      outcomes.Add(bob_->endpoint->Reconnect());
    });
  }
  ASSERT_THAT(asking.Await(3), SizeIs(3));
  ASSERT_TRUE(bob_->AwaitConnected(false));
  EXPECT_THAT(outcomes.Await(1, milliseconds(300)), SizeIs(0));
  proxy_->Hang(false);
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(outcomes.Await(3), Each(IsOk()));
  ASSERT_TRUE(bob_->AwaitConnected(true));
  EXPECT_THAT(bob_->connection.Await(4, milliseconds(300)), ElementsAre(true, false, true));
  EXPECT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
}

TEST_P(ReconnectingTest, E5_EventsTellOfEachReconnect) {
  Enter();
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->connection.Await(5), ElementsAre(true, false, true, false, true));
  EXPECT_THAT(bob_->errors.Await(0), SizeIs(0)) << "what was asked for is no fault";
}

TEST_P(ReconnectingTest, E5_AMessageHandlerMayReconnect) {
  Collector<absl::Status> outcomes;
  Collector<std::string> texts;
  std::unique_ptr<Endpoint> endpoint;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) {
    (void)message.settle.Ack();
    texts.Add(TextOf(message.message));
    outcomes.Add(endpoint->Reconnect());
  };
  MW_ASSERT_OK_AND_ASSIGN(endpoint, Endpoint::Make(options_, std::move(handlers)));
  ASSERT_THAT(endpoint->Start(), IsOk());
  ASSERT_THAT(space_->Post("general", "one"), IsOk());
  EXPECT_THAT(outcomes.Await(1), ElementsAre(IsOk()));
  ASSERT_THAT(space_->Post("general", "two"), IsOk());
  EXPECT_THAT(outcomes.Await(2), ElementsAre(IsOk(), IsOk()));
  EXPECT_THAT(texts.Await(2), ElementsAre("one", "two"));
}

TEST_P(ReconnectingTest, E5_ReconnectCutsABackOffShort) {
  EnterAndBackOff();
  proxy_->Refuse(false);
  const auto begin = steady_clock::now();
  EXPECT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_LT(steady_clock::now() - begin, seconds(5));
  EXPECT_TRUE(bob_->endpoint->connected());
  EXPECT_THAT(bob_->endpoint->Multicast(Text("x")), IsOk());
}

TEST_P(ReconnectingTest, E5_AReconnectThatFailsSaysSoAndAttemptsGoOn) {
  options_.retry_wait = milliseconds(300);
  EnterAndBackOff();
  EXPECT_THAT(bob_->endpoint->Reconnect(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(bob_->endpoint->connected());
  proxy_->Refuse(false);
  EXPECT_TRUE(bob_->AwaitConnected(true));
  EXPECT_THAT(bob_->endpoint->Multicast(Text("x")), IsOk());
}

TEST_P(ReconnectingTest, E5_AReconnectOfAGoodConnectionThatFailsIsHealedToo) {
  options_.retry_wait = milliseconds(300);
  Enter();
  proxy_->Refuse(true);
  EXPECT_THAT(bob_->endpoint->Reconnect(), StatusIs(absl::StatusCode::kUnavailable));
  proxy_->Refuse(false);
  EXPECT_TRUE(bob_->AwaitConnected(true));
}

TEST_P(ReconnectingTest, E5_ReconnectNeedsAnEndpointThatRuns) {
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Make(options_));
  EXPECT_THAT(bob_->endpoint->Reconnect(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "endpoint not started"));
  ASSERT_THAT(bob_->endpoint->Start(), IsOk());
  bob_->endpoint->Stop();
  EXPECT_THAT(bob_->endpoint->Reconnect(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stopped")));
}

TEST_P(ReconnectingTest, E5_StopWakesABackOff) {
  const std::size_t threads = CountThreadsOnceWarm();
  EnterAndBackOff();
  EXPECT_LE(StopAndCount(threads), seconds(2));
}

TEST_P(ReconnectingTest, E5_StopWhileConnectingToAHungServer) {
  const std::size_t threads = CountThreadsOnceWarm();
  options_.connect_timeout = seconds(60);
  EnterAndBackOff();
  proxy_->Hang(true);
  proxy_->Refuse(false);
  std::thread waiting(
      [&] { EXPECT_THAT(bob_->endpoint->Reconnect(), StatusIs(absl::StatusCode::kFailedPrecondition)); });
  (void)proxy_->AwaitConnections(1, milliseconds(300));
  const auto begin = steady_clock::now();
  bob_->endpoint->Stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(6));
  waiting.join();
  EXPECT_LE(StopAndCount(threads), seconds(1));
  proxy_->Hang(false);
}

// The server takes the login and then says nothing to what on_bind asks.
TEST_P(ReconnectingTest, E5_StopWhileBinding) {
  const std::size_t threads = CountThreadsOnceWarm();
  options_.ping_interval = seconds(60);
  options_.request_timeout = seconds(60);
  Enter();
  std::thread waiting([&] {
    const absl::Status status = bob_->endpoint->Reconnect();
    EXPECT_THAT(status.code(),
                ::testing::AnyOf(absl::StatusCode::kFailedPrecondition, absl::StatusCode::kOk));
  });
  // Just when the login is over or as good as; wherever it is caught, it ends.
  ASSERT_TRUE(bob_->AwaitConnected(false));
  proxy_->HoldAnswers(true);
  (void)Eventually([] { return false; }, milliseconds(200));
  const auto begin = steady_clock::now();
  bob_->endpoint->Stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(7));
  waiting.join();
  EXPECT_LE(StopAndCount(threads), seconds(1));
  proxy_->HoldAnswers(false);
}

TEST_P(ReconnectingTest, E5_StopOfAnEndpointWhoseServerHangsUnnoticed) {
  const std::size_t threads = CountThreadsOnceWarm();
  options_.ping_interval = seconds(60);
  Enter();
  proxy_->Hang(true);
  EXPECT_LE(StopAndCount(threads), seconds(6));
  proxy_->Hang(false);
}

TEST_P(ReconnectingTest, E5_StopWhileStarting) {
  const std::size_t threads = CountThreadsOnceWarm();
  options_.connect_timeout = seconds(2);
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Make(options_));
  proxy_->Hang(true);
  std::thread starting([&] { EXPECT_FALSE(bob_->endpoint->Start().ok()); });
  (void)Eventually([] { return false; }, milliseconds(200));
  const auto begin = steady_clock::now();
  bob_->endpoint->Stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(6));
  starting.join();
  EXPECT_LE(StopAndCount(threads), seconds(1));
  proxy_->Hang(false);
}

}  // namespace
}  // namespace meshwarden::testing::e05_reconnecting_test
