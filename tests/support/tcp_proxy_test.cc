// A plain connection to a real server through the proxy: each fault does what it says.
#include "tests/support/tcp_proxy.h"

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing::tcp_proxy_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr milliseconds kTimeout = seconds(20);
constexpr milliseconds kShort{100};

class TcpProxyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(broker_->port()));
    ConnectionOptions direct;
    direct.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(direct_, Connection::Open(std::move(direct)));
    MW_ASSERT_OK_AND_ASSIGN(echo_, direct_->Subscribe("echo", "", [this](const NatsMessage& message) {
      asked_.Add(message.payload);
      static_cast<void>(direct_->Publish(message.reply, message.payload));
    }));
    ASSERT_THAT(direct_->Flush(kTimeout), IsOk());
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(Options()));
  }
  ConnectionOptions Options() {
    ConnectionOptions options;
    options.servers = {proxy_->url()};
    options.reconnect_wait = milliseconds(20);
    options.connect_timeout = milliseconds(500);
    options.ping_interval = seconds(60);
    options.on_state = [this](bool connected) { states_.Add(connected); };
    return options;
  }
  void AskInBackground(const std::string& payload) {
    connection_->RequestAsync(
        "echo", payload, seconds(600),
        [this](const absl::StatusOr<NatsMessage>& answer) { answers_.Add(answer.status()); });
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<TcpProxy> proxy_;
  Collector<std::string> asked_;
  Collector<bool> states_;
  Collector<absl::Status> answers_;
  std::unique_ptr<Connection> direct_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Subscription> echo_;
};

TEST_F(TcpProxyTest, ForwardsBothWays) {
  const std::string large(500'000, 'x');
  MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer, connection_->Request("echo", large, kTimeout));
  EXPECT_EQ(answer.payload, large);
}

TEST_F(TcpProxyTest, HangForwardsNothingUntilItEnds) {
  proxy_->Hang(true);
  EXPECT_THAT(connection_->Request("echo", "early", kShort), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(asked_.Await(0), SizeIs(0));
  EXPECT_EQ(proxy_->connections(), 1u);
  proxy_->Hang(false);
  EXPECT_THAT(connection_->Request("echo", "late", kTimeout), IsOk());
  EXPECT_THAT(asked_.Await(2), ElementsAre("early", "late"));
  EXPECT_THAT(states_.Await(1), ElementsAre(true));
}

TEST_F(TcpProxyTest, HangHoldsNewConnectionsToo) {
  proxy_->Hang(true);
  EXPECT_THAT(Connection::Open(Options()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TcpProxyTest, CutEndsConnectionsAndLetsThemComeBack) {
  proxy_->Cut();
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
}

TEST_F(TcpProxyTest, RefuseKeepsClientsOutAndLeavesThoseThatAreIn) {
  proxy_->Refuse(true);
  EXPECT_THAT(connection_->Request("echo", "", kTimeout), IsOk());
  EXPECT_THAT(Connection::Open(Options()), StatusIs(absl::StatusCode::kUnavailable));
  proxy_->Cut();
  EXPECT_THAT(states_.Await(3, milliseconds(500)), ElementsAre(true, false));
  EXPECT_EQ(proxy_->connections(), 0u);
  proxy_->Refuse(false);
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
}

TEST_F(TcpProxyTest, HeldAnswersAreForwardedWhenReleased) {
  proxy_->HoldAnswers(true);
  AskInBackground("x");
  ASSERT_THAT(asked_.Await(1), SizeIs(1));
  EXPECT_THAT(answers_.Await(1, kShort), SizeIs(0));
  proxy_->HoldAnswers(false);
  EXPECT_THAT(answers_.Await(1), ElementsAre(IsOk()));
}

TEST_F(TcpProxyTest, HeldAnswersAreLostWhenCut) {
  proxy_->HoldAnswers(true);
  AskInBackground("carried out");
  ASSERT_THAT(asked_.Await(1), ElementsAre("carried out"));
  ASSERT_THAT(direct_->Flush(kTimeout), IsOk());  // the answer is with the server
  proxy_->Cut();
  EXPECT_THAT(answers_.Await(1), ElementsAre(StatusIs(absl::StatusCode::kUnavailable)));
  proxy_->HoldAnswers(false);
  ASSERT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(answers_.Await(2, kShort), SizeIs(1));
}

TEST_F(TcpProxyTest, WhatIsStrandedArrivesWhenItsClientIsLongGone) {
  proxy_->StrandFrom("early");
  EXPECT_THAT(connection_->Request("echo", "first", kTimeout), IsOk());
  EXPECT_THAT(proxy_->AwaitStranded(kShort), StatusIs(absl::StatusCode::kDeadlineExceeded));
  AskInBackground("early");
  EXPECT_THAT(proxy_->AwaitStranded(kTimeout), IsOk());
  connection_.reset();
  MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(Options()));
  EXPECT_THAT(connection_->Request("echo", "meanwhile", kTimeout), IsOk());
  EXPECT_THAT(asked_.Await(0), ElementsAre("first", "meanwhile"));
  proxy_->ReleaseStranded();
  EXPECT_THAT(asked_.Await(3), ElementsAre("first", "meanwhile", "early"));
  EXPECT_THAT(proxy_->AwaitConnections(1, kTimeout), IsOk());
}

TEST_F(TcpProxyTest, WhoseRequestsWereStrandedAndWhoWaitsIsAnswered) {
  proxy_->StrandFrom("x");
  AskInBackground("x");
  EXPECT_THAT(answers_.Await(1, kShort), SizeIs(0));
  proxy_->ReleaseStranded();
  EXPECT_THAT(answers_.Await(1), ElementsAre(IsOk()));
}

TEST_F(TcpProxyTest, CountsItsConnections) {
  ASSERT_THAT(proxy_->AwaitConnections(1, kTimeout), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(std::unique_ptr<Connection> second, Connection::Open(Options()));
  EXPECT_THAT(proxy_->AwaitConnections(2, kTimeout), IsOk());
  second.reset();
  EXPECT_THAT(proxy_->AwaitConnections(1, kTimeout), IsOk());
  EXPECT_THAT(proxy_->AwaitConnections(7, kShort), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(TcpProxyTest, ServerThatIsGoneIsSeenByTheClient) {
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(states_.Await(2), ElementsAre(true, false));
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
}

}  // namespace
}  // namespace meshwarden::testing::tcp_proxy_test
