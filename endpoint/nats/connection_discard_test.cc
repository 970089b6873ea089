// Throwing away what was received: see Subscription::DiscardReceived.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::connection_discard_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(20);

class ConnectionDiscardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(broker_->port()));
    MW_ASSERT_OK_AND_ASSIGN(sender_, Open(broker_->url()));
    MW_ASSERT_OK_AND_ASSIGN(receiver_, Open(proxy_->url()));
    MW_ASSERT_OK_AND_ASSIGN(subscription_,
                            receiver_->Subscribe("work", "", [this](const NatsMessage& message) {
                              if (message.payload == "wait") {
                                entered_.set_value();
                                go_on_.get_future().wait();
                              }
                              handled_.Add(message.payload);
                            }));
    ASSERT_THAT(receiver_->Flush(kTimeout), IsOk());
  }
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& url) {
    ConnectionOptions options;
    options.servers = {url};
    options.reconnect_wait = std::chrono::milliseconds(20);
    return Connection::Open(std::move(options));
  }
  void Send(const std::string& text) { ASSERT_THAT(sender_->Publish("work", text), IsOk()); }
  void Flush(Connection& connection) { ASSERT_THAT(connection.Flush(kTimeout), IsOk()); }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<TcpProxy> proxy_;
  Collector<std::string> handled_;
  std::promise<void> entered_;
  std::promise<void> go_on_;
  std::unique_ptr<Connection> sender_;
  std::unique_ptr<Connection> receiver_;
  std::unique_ptr<Subscription> subscription_;
};

TEST_F(ConnectionDiscardTest, WhatWaitsHereIsNotHandled) {
  Send("wait");
  Send("old");
  Send("old");
  Flush(*sender_);
  entered_.get_future().wait();
  Flush(*receiver_);
  EXPECT_THAT(subscription_->DiscardReceived(kTimeout), IsOk());
  Send("new");
  go_on_.set_value();
  EXPECT_THAT(handled_.Await(2), ElementsAre("wait", "new"));
}

TEST_F(ConnectionDiscardTest, WhatIsOnItsWayIsNotHandled) {
  proxy_->HoldAnswers(true);
  Send("old");
  Send("old");
  Flush(*sender_);
  EXPECT_THAT(subscription_->DiscardReceived(std::chrono::milliseconds(1)), Not(IsOk()));
  // Its answer has not come, so whatever comes may be old.
  proxy_->HoldAnswers(false);
  Send("may be old");
  Flush(*sender_);
  Flush(*receiver_);
  EXPECT_THAT(subscription_->DiscardReceived(kTimeout), IsOk());
  Send("new");
  EXPECT_THAT(handled_.Await(1), ElementsAre("new"));
}

TEST_F(ConnectionDiscardTest, TheNextConnectionBeginsAfresh) {
  proxy_->HoldAnswers(true);
  EXPECT_THAT(subscription_->DiscardReceived(std::chrono::milliseconds(1)), Not(IsOk()));
  proxy_->HoldAnswers(false);
  EXPECT_THAT(receiver_->Reconnect(), IsOk());
  Flush(*receiver_);
  Send("new");
  EXPECT_THAT(handled_.Await(1), ElementsAre("new"));
}

TEST_F(ConnectionDiscardTest, WithoutItEverythingIsHandled) {
  Send("wait");
  Send("old");
  Flush(*sender_);
  entered_.get_future().wait();
  go_on_.set_value();
  EXPECT_THAT(handled_.Await(2), ElementsAre("wait", "old"));
}

}  // namespace
}  // namespace meshwarden::testing::connection_discard_test
