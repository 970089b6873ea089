// A connection whose server goes away, hangs, refuses, or breaks the connection off.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/nats/connection_recovery_fixture.h"
#include "endpoint/nats/link/connection_events.h"
#include "endpoint/nats/link/event_loop.h"
#include "endpoint/nats/link/nats_link.h"
#include "endpoint/nats/server/server_url.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing::connection_recovery_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kNothingBelowNo[] = R"(
no_auth_user: u
accounts { A { users [ { user: u, password: p, permissions {
  publish { deny: ["no.>"] }
  subscribe { deny: ["no.>"] }
} } ] } }
)";

TEST_F(ConnectionRecoveryTest, FirstAttemptIsNotRepeated) {
  StartBroker();
  const ConnectionOptions options = Options();
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(Connection::Open(options), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(broker_->url())));
  EXPECT_THAT(states_.Await(0), SizeIs(0));
}

TEST_F(ConnectionRecoveryTest, NextServerIsTried) {
  StartBroker();
  ConnectionOptions options = Options();
  options.servers = {"nats://127.0.0.1:1", broker_->url()};
  EXPECT_THAT(Connection::Open(options), IsOk());
}

// The way of a name with two addresses, one of which takes connections and says nothing.
TEST_F(ConnectionRecoveryTest, AnAddressThatHangsHidesNoOther) {
  StartBroker();
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(broker_->port()));
  ASSERT_EQ(::inet_pton(AF_INET, "127.0.0.2", &address.sin_addr), 1);
  ASSERT_EQ(::bind(silent, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(silent, 16), 0);
  ConnectionOptions options = Options(fmt::format("nats://two.example:{}", broker_->port()));
  options.connect_timeout = seconds(2);
  options.resolve = [](const std::string&) {
    return absl::StatusOr<std::vector<std::string>>({"127.0.0.2", "127.0.0.1"});
  };
  Connect(std::move(options));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
  connection_.reset();
  ::close(silent);
}

// Two servers that know nothing of each other.
class TwoServersTest : public ConnectionRecoveryTest {
 protected:
  void SetUp() override {
    for (Side& side : sides_) {
      MW_ASSERT_OK_AND_ASSIGN(side.broker, TestBroker::Start({}));
      ConnectionOptions options;
      options.servers = {side.broker->url()};
      options.ping_interval = seconds(600);
      MW_ASSERT_OK_AND_ASSIGN(side.listener, Connection::Open(std::move(options)));
      MW_ASSERT_OK_AND_ASSIGN(side.subscription,
                              side.listener->Subscribe("hello", "", [&side](const NatsMessage& message) {
                                ++side.heard;
                                (void)side.listener->Publish(message.reply, "");
                              }));
      ASSERT_THAT(side.listener->Flush(kTimeout), IsOk());
    }
  }
  ConnectionOptions BothOf(milliseconds connect_timeout) {
    ConnectionOptions options = Options(sides_[0].broker->url());
    options.servers.push_back(sides_[1].broker->url());
    options.connect_timeout = connect_timeout;
    return options;
  }
  // The place of the server that `connection` is with.
  std::size_t SideOf(Connection& connection) {
    const int before = sides_[0].heard;
    EXPECT_THAT(connection.Request("hello", "", kTimeout), IsOk());
    return sides_[0].heard > before ? 0 : 1;
  }

  struct Side {
    std::unique_ptr<TestBroker> broker;
    std::unique_ptr<Connection> listener;
    std::unique_ptr<Subscription> subscription;
    std::atomic<int> heard{0};
  };
  std::array<Side, 2> sides_;
};

TEST_F(TwoServersTest, ClientsSpread) {
  std::set<std::size_t> found;
  for (int i = 0; i < 100 && found.size() < 2; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(BothOf(kTimeout)));
    found.insert(SideOf(*connection));
  }
  EXPECT_THAT(found, SizeIs(2));
}

TEST_F(TwoServersTest, AServerThatIsLostIsTriedLast) {
  Connect(BothOf(kTimeout));
  for (int i = 0; i < 8; ++i) {
    const std::size_t before = SideOf(*connection_);
    ASSERT_THAT(connection_->Reconnect(), IsOk());
    EXPECT_NE(SideOf(*connection_), before);
  }
}

TEST_F(TwoServersTest, AServerThatHangsIsReplacedByTheOther) {
  Connect(BothOf(seconds(600)));
  const std::size_t lost = SideOf(*connection_);
  ASSERT_THAT(sides_[lost].broker->Stop(), IsOk());
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_NE(SideOf(*connection_), lost);
  ASSERT_THAT(sides_[lost].broker->Continue(), IsOk());
}

TEST_F(TwoServersTest, AServerThatHangsHoldsNobodyUp) {
  ASSERT_THAT(sides_[0].broker->Stop(), IsOk());
  ConnectionOptions options = BothOf(seconds(600));
  options.servers.push_back(sides_[0].broker->url());
  const auto begin = steady_clock::now();
  for (int i = 0; i < 2; ++i) EXPECT_THAT(Connection::Open(options), IsOk());
  EXPECT_LT(steady_clock::now() - begin, seconds(60));
  ASSERT_THAT(sides_[0].broker->Continue(), IsOk());
}

TEST_F(TwoServersTest, OneThatIsSlowIsWaitedForIfThereIsNoOther) {
  ASSERT_THAT(sides_[0].broker->Kill(), IsOk());
  ASSERT_THAT(sides_[1].broker->Stop(), IsOk());
  const ConnectionOptions options = BothOf(kTimeout);
  absl::Status opened;
  std::thread opener([&] { opened = Connection::Open(options).status(); });
  // Behind the first look, which takes 1.5 s.
  Collector<bool> never;
  never.Await(1, milliseconds(1700));
  EXPECT_THAT(sides_[1].broker->Continue(), IsOk());
  opener.join();
  EXPECT_THAT(opened, IsOk());
}

TEST_F(ConnectionRecoveryTest, LossEndsWaitingRequestsAtOnce) {
  StartBroker();
  Connect(Options());
  Serve();
  for (int i = 0; i < 10; ++i) AskInBackground("silent", seconds(600));
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(answers_.Await(10), AllOf(SizeIs(10), Each(StatusIs(absl::StatusCode::kUnavailable))));
  EXPECT_FALSE(IsNoResponders(answers_.Await(1)[0]));
}

TEST_F(ConnectionRecoveryTest, WhileAwayEverythingIsRefusedAtOnce) {
  StartBroker();
  Connect(Options());
  ASSERT_THAT(broker_->Kill(), IsOk());
  ASSERT_THAT(states_.Await(2), ElementsAre(true, false));
  const auto unavailable = StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not connected"));
  EXPECT_FALSE(connection_->connected());
  EXPECT_THAT(connection_->Publish("a", ""), unavailable);
  EXPECT_THAT(connection_->Request("a", "", seconds(600)), unavailable);
  EXPECT_THAT(connection_->Flush(seconds(600)), unavailable);
}

TEST_F(ConnectionRecoveryTest, RestartedServerFindsTheSubscriptionsBack) {
  StartBroker();
  Connect(Options());
  Serve();
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer, connection_->Request("echo", "again", kTimeout));
  EXPECT_EQ(answer.payload, "again");
}

TEST_F(ConnectionRecoveryTest, SubscriptionMadeWhileAwayWorksLater) {
  StartBroker();
  Connect(Options());
  ASSERT_THAT(broker_->Kill(), IsOk());
  ASSERT_THAT(states_.Await(2), SizeIs(2));
  MW_ASSERT_OK_AND_ASSIGN(echo_, connection_->Subscribe("echo", "", [this](const NatsMessage& message) {
    static_cast<void>(connection_->Publish(message.reply, message.payload));
  }));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(states_.Await(3), SizeIs(3));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
}

TEST_F(ConnectionRecoveryTest, NothingSentWhileAwayArrivesLater) {
  StartBroker();
  Connect(Options());
  Collector<std::string> received;
  MW_ASSERT_OK_AND_ASSIGN(echo_, connection_->Subscribe("a", "", [&](const NatsMessage& message) {
    received.Add(message.payload);
  }));
  ASSERT_THAT(broker_->Kill(), IsOk());
  ASSERT_THAT(states_.Await(2), SizeIs(2));
  EXPECT_FALSE(connection_->Publish("a", "lost").ok());
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(states_.Await(3), SizeIs(3));
  ASSERT_THAT(connection_->Publish("a", "kept"), IsOk());
  EXPECT_THAT(received.Await(1), ElementsAre("kept"));
}

TEST_F(ConnectionRecoveryTest, HungServerDoesNotHoldARequestBeyondItsDeadline) {
  StartBroker();
  ConnectionOptions options = Options();
  options.ping_interval = seconds(60);
  Connect(std::move(options));
  ASSERT_THAT(broker_->Stop(), IsOk());
  const auto begin = steady_clock::now();
  EXPECT_THAT(connection_->Request("a", "", milliseconds(100)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
  EXPECT_THAT(connection_->Flush(milliseconds(100)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  ASSERT_THAT(broker_->Continue(), IsOk());
}

TEST_F(ConnectionRecoveryTest, HungServerIsGivenUpAndFoundBack) {
  StartBroker();
  Connect(Options());
  Serve();
  ASSERT_THAT(broker_->Stop(), IsOk());
  AskInBackground("silent", seconds(600));
  EXPECT_THAT(answers_.Await(1), ElementsAre(StatusIs(absl::StatusCode::kUnavailable)));
  ASSERT_THAT(states_.Await(2), ElementsAre(true, false));
  ASSERT_THAT(broker_->Continue(), IsOk());
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
}

TEST_F(ConnectionRecoveryTest, WhatAHungServerDoesNotTakeIsBounded) {
  StartBroker();
  ConnectionOptions options = Options();
  options.ping_interval = seconds(60);
  options.max_pending_bytes = 1 << 20;
  Connect(std::move(options));
  ASSERT_THAT(broker_->Stop(), IsOk());
  const std::string payload(100'000, 'x');
  const auto begin = steady_clock::now();
  absl::Status status;
  // The socket's own buffers take some megabytes first.
  for (int i = 0; i < 2000 && status.ok(); ++i) status = connection_->Publish("a", payload);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("does not take")));
  EXPECT_LT(steady_clock::now() - begin, seconds(15)) << "publishing must not block";
  ASSERT_THAT(broker_->Continue(), IsOk());
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  EXPECT_THAT(connection_->Publish("a", payload), IsOk());
}

TEST_F(ConnectionRecoveryTest, HungServerIsNotConnectedTo) {
  StartBroker();
  ASSERT_THAT(broker_->Stop(), IsOk());
  const auto begin = steady_clock::now();
  EXPECT_THAT(Connection::Open(Options()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("does not answer")));
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
  ASSERT_THAT(broker_->Continue(), IsOk());
}

TEST_F(ConnectionRecoveryTest, ClosingDoesNotWaitForAHungServer) {
  StartBroker();
  ConnectionOptions options = Options();
  options.connect_timeout = seconds(600);
  Connect(std::move(options));
  ASSERT_THAT(broker_->Stop(), IsOk());
  ASSERT_THAT(states_.Await(2), ElementsAre(true, false));  // now trying to get back
  const auto begin = steady_clock::now();
  connection_.reset();
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
  ASSERT_THAT(broker_->Continue(), IsOk());
}

// The server breaks the connection off with an error that the library never comes back from by itself.
TEST_F(ConnectionRecoveryTest, ConnectionClosedForGoodIsRebuilt) {
  StartBroker({.config = "max_control_line: 512"});
  Connect(Options());
  Serve();
  ASSERT_THAT(connection_->Publish(std::string(1000, 'a'), ""), IsOk());
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(errors_.Await(1), Contains(StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ontrol"))));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
}

// The library's own timer closes a connection that gets no answers, and nothing is read before StartReading.
TEST_F(ConnectionRecoveryTest, LinkThatClosedBeforeItWasReadDoesNotCountAsUp) {
  StartBroker();
  EventLoop loop({.on_tick = [](EventLoop::TimePoint) { return EventLoop::TimePoint::max(); },
                  .on_closed = [] { ADD_FAILURE() << "it was never read"; }},
                 EventLoop::Writers::kAnyThread);
  ConnectionOptions options = Options();
  options.ping_interval = milliseconds(10);
  MW_ASSERT_OK_AND_ASSIGN(const ServerUrl url, ParseServerUrl(broker_->url()));
  MW_ASSERT_OK_AND_ASSIGN(const auto link, Link::Connect({.connection = options,
                                                          .url = url,
                                                          .timeout = options.connect_timeout,
                                                          .inbox_prefix = "_INBOX_test",
                                                          .on_error = &ConnectionEvents::OnError,
                                                          .on_error_closure = nullptr},
                                                         loop));
  Collector<bool> never;
  const auto deadline = steady_clock::now() + kTimeout;
  while (!natsConnection_IsClosed(link->get()) && steady_clock::now() < deadline) {
    never.Await(1, milliseconds(1));
  }
  ASSERT_TRUE(natsConnection_IsClosed(link->get()));
  EXPECT_FALSE(loop.StartReading());
}

// The library gives up for good when it is refused twice.
TEST_F(ConnectionRecoveryTest, RefusedAuthenticationIsTriedUntilItHolds) {
  StartBroker();
  Connect(Options());
  ASSERT_THAT(broker_->SetConfig("authorization { token: secret }"), IsOk());
  ASSERT_THAT(broker_->Restart(), IsOk());
  const auto denied = [](const absl::Status& status) { return absl::IsPermissionDenied(status); };
  ASSERT_TRUE(errors_.AwaitAny(denied));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(broker_->AwaitLog("authentication error"), IsOk());
  EXPECT_FALSE(connection_->connected());
  ASSERT_THAT(broker_->SetConfig("debug: false"), IsOk());
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
}

TEST_F(ConnectionRecoveryTest, AuthenticationRefusalIsToldByOpen) {
  StartBroker({.config = "authorization { token: secret }"});
  const absl::Status refused = Connection::Open(Options()).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(broker_->url())));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr(".c:")));
}

TEST_F(ConnectionRecoveryTest, DeniedSubjectEndsTheRequestOnItAndIsReported) {
  StartBroker({.config = kNothingBelowNo});
  Connect(Options());
  Serve();
  AskInBackground("silent", seconds(600));
  const auto denied = StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("publish to \"no.x\""));
  EXPECT_THAT(connection_->Request("no.x", "", seconds(600)), denied);
  EXPECT_THAT(errors_.Await(1), ElementsAre(denied));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
  const std::string longest = "no." + std::string(1500, 'x');
  EXPECT_THAT(connection_->Request(longest, "", seconds(600)), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ConnectionRecoveryTest, DenialOutsideARequestIsReported) {
  StartBroker({.config = kNothingBelowNo});
  Connect(Options());
  ASSERT_THAT(connection_->Publish("no.x", ""), IsOk());
  EXPECT_THAT(errors_.Await(1),
              ElementsAre(StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("publish to \"no.x\""))));
  MW_ASSERT_OK_AND_ASSIGN(silent_, connection_->Subscribe("no.y", "", [](const NatsMessage&) {}));
  EXPECT_THAT(errors_.Await(2),
              Contains(StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("subscribe to \"no.y\""))));
}

TEST_F(ConnectionRecoveryTest, HandlerRunsForOneMessageAtATimeAcrossARestart) {
  StartBroker();
  Connect(Options());
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  Collector<bool> entered;
  Collector<bool> release;
  MW_ASSERT_OK_AND_ASSIGN(echo_, connection_->Subscribe("a", "", [&](const NatsMessage&) {
    const int now = ++running;
    if (now > most) most = now;
    entered.Add(true);
    release.Await(1);
    --running;
  }));
  ASSERT_THAT(connection_->Publish("a", ""), IsOk());
  ASSERT_THAT(entered.Await(1), SizeIs(1));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_THAT(states_.Await(3), SizeIs(3));
  ASSERT_THAT(connection_->Publish("a", ""), IsOk());
  EXPECT_THAT(entered.Await(2, milliseconds(200)), SizeIs(1));
  release.Add(true);
  EXPECT_THAT(entered.Await(2), SizeIs(2));
  echo_.reset();
  EXPECT_EQ(most, 1);
}

TEST_F(ConnectionRecoveryTest, ServerMayComeAndGoWhileManyAsk) {
  StartBroker();
  Connect(Options());
  Serve();
  std::atomic<bool> stop{false};
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const absl::Status status = connection_->Request("echo", "x", kTimeout).status();
        EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kUnavailable));
        ++ended;
      }
    });
  }
  for (std::size_t restarts = 1; restarts <= 3; ++restarts) {
    EXPECT_THAT(broker_->Restart(), IsOk());
    EXPECT_THAT(states_.Await(1 + 2 * restarts), SizeIs(1 + 2 * restarts));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(ended, 0);
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::connection_recovery_test
