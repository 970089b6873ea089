// A connection to a broker that the test may stop, kill and start again.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing {

inline constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(20);

// One broker and one connection, which is impatient, and what the connection has told.
class ConnectionRecoveryTest : public ::testing::Test {
 protected:
  ConnectionOptions Options() { return Options(broker_->url()); }
  ConnectionOptions Options(const std::string& server) {
    ConnectionOptions options;
    options.servers = {server};
    options.connect_timeout = std::chrono::milliseconds(500);
    options.reconnect_wait = std::chrono::milliseconds(20);
    options.ping_interval = std::chrono::milliseconds(200);
    options.on_state = [this](bool connected) { states_.Add(connected); };
    options.on_error = [this](const absl::Status& status) { errors_.Add(status); };
    return options;
  }
  void StartBroker(BrokerOptions options = {}) {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(std::move(options)));
  }
  void Connect(ConnectionOptions options) {
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    ASSERT_THAT(states_.Await(1), ::testing::ElementsAre(true));
  }
  // Subscribes to "silent", which answers nothing, and to "echo".
  void Serve() {
    MW_ASSERT_OK_AND_ASSIGN(silent_, connection_->Subscribe("silent", "", [](const NatsMessage&) {}));
    MW_ASSERT_OK_AND_ASSIGN(echo_, connection_->Subscribe("echo", "", [this](const NatsMessage& message) {
      static_cast<void>(connection_->Publish(message.reply, message.payload));
    }));
    ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  }
  // answers_ gets how it ended.
  void AskInBackground(std::string_view subject, std::chrono::milliseconds timeout) {
    connection_->RequestAsync(subject, "", timeout, [this](const absl::StatusOr<NatsMessage>& answer) {
      answers_.Add(answer.status());
    });
  }

  std::unique_ptr<TestBroker> broker_;
  Collector<bool> states_;
  Collector<absl::Status> errors_;
  Collector<absl::Status> answers_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Subscription> silent_;
  std::unique_ptr<Subscription> echo_;
};

}  // namespace meshwarden::testing
