// A real nats-server for one test: its own port, its own store, gone with the test.
//
//   MW_ASSERT_OK_AND_ASSIGN(const auto broker, TestBroker::Start({}));
//   Connection::Open({.servers = {broker->url()}});
//
// The server's program is $MESHWARDEN_NATS_SERVER, else the one that deploy/deps/install fetched. Not
// thread-safe. Start it on a thread that lives as long as the broker: the server is killed with that thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace meshwarden::testing {

struct BrokerOptions {
  // The text of a configuration, or the path of one; neither: an open server with JetStream. Port, host and
  // store are the broker's affair: what a configuration says of them is overridden.
  std::string config = {};
  std::string config_file = {};
  std::vector<std::string> extra_args = {};
};

class TestBroker {
 public:
  // Returns once the server accepts connections; if it does not come up, with an error that holds its log.
  static absl::StatusOr<std::unique_ptr<TestBroker>> Start(BrokerOptions options);
  ~TestBroker();
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  std::string url() const;
  int port() const { return port_; }
  // The broker's own folder; a test may put files of its own there.
  const std::string& directory() const { return directory_; }
  // What the server has printed since it was last started.
  std::string log() const;
  // Waits until it has printed `text` since then.
  absl::Status AwaitLog(std::string_view text);

  // SIGKILL, and waits for the end. Fine if it is down.
  absl::Status Kill();
  // SIGSTOP: connections stay open and nothing is answered. And on again.
  absl::Status Stop();
  absl::Status Continue();
  // SIGUSR2: it gives up what it leads and ends by itself, its clients one after the other before it.
  absl::Status BeLameDuck();
  // Starts it again on the same port, killing it first if it is up; with its store, or with an empty one.
  absl::Status Restart();
  absl::Status RestartEmpty();
  // Ends the server and starts it with a store in which `stream` has no messages and counts from 1 again,
  // while its durables still stand where they stood: what being killed while a stream is empty can make of
  // it.
  absl::Status RestartForgetting(const std::string& stream);
  // The configuration of the next start.
  absl::Status SetConfig(const std::string& config);

 private:
  TestBroker(BrokerOptions options, std::string directory);
  absl::Status Launch();
  std::vector<std::string> Arguments() const;

  const BrokerOptions options_;
  const std::string directory_;
  std::string config_file_;
  int port_ = -1;  // chosen by the server on its first start, the same afterwards
  std::unique_ptr<Process> server_;
};

}  // namespace meshwarden::testing
