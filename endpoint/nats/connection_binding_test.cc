// What a connection does each time it comes up, and connecting anew on demand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/nats/connection_recovery_fixture.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing::connection_binding_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// Records what is called, in order, and answers on_bind with `outcome`.
class BindingTest : public ConnectionRecoveryTest {
 protected:
  void SetUp() override { StartBroker(); }
  // The connection calls back to the end of its life.
  void TearDown() override {
    silent_.reset();
    echo_.reset();
    connection_.reset();
  }
  ConnectionOptions BindingOptions() {
    ConnectionOptions options = Options();
    options.on_bind = [this](Connection& connection) {
      EXPECT_TRUE(connection.connected());
      calls_.Add("bind");
      return outcome_(connection);
    };
    options.on_unbind = [this] { calls_.Add("unbind"); };
    options.on_state = [this](bool connected) {
      calls_.Add(connected ? "up" : "down");
      states_.Add(connected);
    };
    return options;
  }

  Collector<std::string> calls_;
  std::function<absl::Status(Connection&)> outcome_ = [](Connection&) { return absl::OkStatus(); };
};

TEST_F(BindingTest, EachConnectionIsBoundBeforeItCounts) {
  Connect(BindingOptions());
  EXPECT_THAT(calls_.Await(2), ElementsAre("bind", "up"));
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(calls_.Await(6), ElementsAre("bind", "up", "down", "unbind", "bind", "up"));
  connection_.reset();
  EXPECT_THAT(calls_.Await(8, milliseconds(200)),
              ElementsAre("bind", "up", "down", "unbind", "bind", "up", "unbind"));
}

TEST_F(BindingTest, FirstBindThatFailsIsToldByOpen) {
  outcome_ = [](Connection&) { return absl::NotFoundError("no stream"); };
  EXPECT_THAT(Connection::Open(BindingOptions()), StatusIs(absl::StatusCode::kNotFound, "no stream"));
  EXPECT_THAT(calls_.Await(3, milliseconds(200)), ElementsAre("bind", "unbind"));
}

TEST_F(BindingTest, BindMayAskAndSubscribe) {
  std::unique_ptr<Subscription> made;
  outcome_ = [&](Connection& connection) {
    auto subscription = connection.Subscribe("ping", "", [&connection](const NatsMessage& message) {
      (void)connection.Publish(message.reply, "pong");
    });
    if (!subscription.ok()) return subscription.status();
    made = *std::move(subscription);
    return connection.Request("ping", "", kTimeout).status();
  };
  Connect(BindingOptions());
  EXPECT_THAT(connection_->Request("ping", "", kTimeout), IsOk());
  made.reset();
}

TEST_F(BindingTest, BindThatFailsIsTriedAgain) {
  std::atomic<int> failures{0};
  outcome_ = [&](Connection&) {
    return failures > 0 && failures-- > 0 ? absl::NotFoundError("no stream") : absl::OkStatus();
  };
  Connect(BindingOptions());
  failures = 3;
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
  const std::vector<std::string> rebinding(calls_.Await(12));
  EXPECT_THAT(rebinding, ElementsAre("bind", "up", "down", "unbind",                        //
                                     "bind", "unbind", "bind", "unbind", "bind", "unbind",  //
                                     "bind", "up"));
  EXPECT_TRUE(errors_.AwaitAny(
      [](const absl::Status& status) { return std::string(status.message()) == "reconnect: no stream"; }));
}

TEST_F(BindingTest, ConnectionLostWhileBindingIsReplaced) {
  std::atomic<bool> lose{false};
  outcome_ = [&](Connection& connection) {
    if (!lose.exchange(false)) return absl::OkStatus();
    // The server breaks the connection off at this.
    (void)connection.Publish(std::string(1000, 'a'), "");
    return connection.Request("nobody.answers", "", kTimeout).status();
  };
  ASSERT_THAT(broker_->SetConfig("max_control_line: 512"), IsOk());
  ASSERT_THAT(broker_->Restart(), IsOk());
  Connect(BindingOptions());
  lose = true;
  EXPECT_FALSE(connection_->Reconnect().ok());
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
}

TEST_F(BindingTest, ClosingEndsABindThatBlocks) {
  MW_ASSERT_OK_AND_ASSIGN(const auto other, Connection::Open(Options()));
  MW_ASSERT_OK_AND_ASSIGN(const auto silent, other->Subscribe("quiet", "", [](const NatsMessage&) {}));
  ASSERT_THAT(other->Flush(kTimeout), IsOk());
  std::atomic<bool> block{false};
  Collector<absl::Status> blocked;
  outcome_ = [&](Connection& connection) {
    if (!block) return absl::OkStatus();
    absl::Status status = connection.Request("quiet", "", seconds(600)).status();
    blocked.Add(status);
    return status;
  };
  MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(BindingOptions()));
  block = true;
  std::thread asking(
      [&] { EXPECT_THAT(connection_->Reconnect(), StatusIs(absl::StatusCode::kFailedPrecondition)); });
  ASSERT_TRUE(calls_.AwaitAny([](const std::string& call) { return call == "unbind"; }));
  ASSERT_EQ(calls_.Await(5).back(), "bind");
  const auto begin = steady_clock::now();
  EXPECT_THAT(connection_->Drain(milliseconds(100)), ::testing::Not(StatusIs(absl::StatusCode::kInternal)));
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
  asking.join();
  EXPECT_THAT(blocked.Await(1), ElementsAre(StatusIs(absl::StatusCode::kFailedPrecondition)));
  EXPECT_EQ(calls_.Await(6).back(), "unbind");
}

TEST_F(BindingTest, ReconnectReplacesAConnectionThatIsWell) {
  Connect(BindingOptions());
  Serve();
  AskInBackground("silent", seconds(600));
  ASSERT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_THAT(answers_.Await(1), ElementsAre(StatusIs(absl::StatusCode::kUnavailable)));
  EXPECT_THAT(calls_.Await(6), ElementsAre("bind", "up", "down", "unbind", "bind", "up"));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
  EXPECT_THAT(errors_.Await(0), SizeIs(0)) << "what was asked for is no fault";
}

TEST_F(BindingTest, ReconnectCutsTheWaitShort) {
  ConnectionOptions options = BindingOptions();
  options.reconnect_wait = seconds(600);
  Connect(std::move(options));
  ASSERT_THAT(broker_->Kill(), IsOk());
  ASSERT_THAT(states_.Await(2), ElementsAre(true, false));
  EXPECT_THAT(connection_->Reconnect(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(connection_->connected());
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_TRUE(connection_->connected());
}

TEST_F(BindingTest, ReconnectSharesTheAttemptUnderWay) {
  std::atomic<bool> hold{false};
  Collector<bool> release;
  outcome_ = [&](Connection&) {
    if (hold) release.Await(1);
    return absl::OkStatus();
  };
  Connect(BindingOptions());
  hold = true;
  Collector<absl::Status> outcomes;
  std::vector<std::thread> threads;
  const auto ask = [&] { outcomes.Add(connection_->Reconnect()); };
  threads.emplace_back(ask);
  ASSERT_EQ(calls_.Await(5).back(), "bind");
  threads.emplace_back(ask);
  threads.emplace_back(ask);
  EXPECT_THAT(outcomes.Await(1, milliseconds(200)), SizeIs(0));
  release.Add(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(outcomes.Await(3), AllOf(SizeIs(3), Each(IsOk())));
  EXPECT_THAT(calls_.Await(7, milliseconds(200)), SizeIs(6));
}

TEST_F(BindingTest, ReconnectSoonReplacesAConnectionFromWithinItsHandlers) {
  Connect(BindingOptions());
  MW_ASSERT_OK_AND_ASSIGN(silent_, connection_->Subscribe("leave", "", [this](const NatsMessage&) {
    connection_->ReconnectSoon();
  }));
  ASSERT_THAT(connection_->Publish("leave", ""), IsOk());
  EXPECT_THAT(calls_.Await(6), ElementsAre("bind", "up", "down", "unbind", "bind", "up"));
  EXPECT_TRUE(connection_->connected());
  EXPECT_THAT(errors_.Await(0), SizeIs(0)) << "what was asked for is no fault";
}

// The one under way is the one that is to be replaced.
TEST_F(BindingTest, ReconnectSoonWhileBindingIsNotForgotten) {
  std::atomic<bool> ask{false};
  outcome_ = [&](Connection& connection) {
    if (ask.exchange(false)) connection.ReconnectSoon();
    return absl::OkStatus();
  };
  Connect(BindingOptions());
  ask = true;
  ASSERT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_THAT(calls_.Await(10), ElementsAre("bind", "up", "down", "unbind", "bind", "up",  //
                                            "down", "unbind", "bind", "up"));
}

TEST_F(BindingTest, ReconnectOfAClosedConnectionIsRefused) {
  Connect(BindingOptions());
  ASSERT_THAT(connection_->Drain(kTimeout), IsOk());
  EXPECT_THAT(connection_->Reconnect(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace meshwarden::testing::connection_binding_test
