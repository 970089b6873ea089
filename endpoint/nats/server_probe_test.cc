#include "endpoint/nats/server_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>

#include "base/status_matchers.h"

namespace meshwarden::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Listens on a free port of this machine; says `greeting` to the first who comes.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = {.host = "127.0.0.1", .port = std::to_string(ntohs(address.sin_port)), .tls = false};
  }
  ~Listener() {
    if (speaker_.joinable()) speaker_.join();
    close(fd_);
  }
  void Greet(std::string greeting) {
    speaker_ = std::thread([this, greeting = std::move(greeting)] {
      const int client = accept(fd_, nullptr, nullptr);
      [[maybe_unused]] const ssize_t sent = send(client, greeting.data(), greeting.size(), MSG_NOSIGNAL);
      close(client);
    });
  }
  const ServerUrl& url() const { return url_; }

 private:
  const int fd_;
  ServerUrl url_;
  std::thread speaker_;
};

class ServerProbeTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> VersionFor(std::string greeting) {
    listener_.Greet(std::move(greeting));
    const auto found = ProbeServer(listener_.url(), seconds(20), cancellation_);
    if (!found.ok()) return found.status();
    return found->version;
  }

  Listener listener_;
  Cancellation cancellation_;
};

TEST_F(ServerProbeTest, VersionIsRead) {
  EXPECT_THAT(VersionFor("INFO {\"server_id\":\"N\",\"version\":\"2.10.27\"} \r\nPING\r\n"),
              IsOkAndHolds("2.10.27"));
}

TEST_F(ServerProbeTest, ALongVersionIsCutBetweenCharacters) {
  EXPECT_THAT(VersionFor("INFO {\"version\":\"" + std::string(63, '2') + "é\"}\r\n"),
              IsOkAndHolds(std::string(63, '2')));
}

TEST_F(ServerProbeTest, OtherServersAreToldApart) {
  EXPECT_THAT(VersionFor("HTTP/1.1 400 Bad Request\r\n"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no NATS server")));
}

TEST_F(ServerProbeTest, GreetingWithoutVersionIsRefused) {
  EXPECT_THAT(VersionFor("INFO {\"server_id\":\"N\"}\r\n"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ServerProbeTest, EndlessGreetingIsCutOff) {
  EXPECT_THAT(VersionFor("INFO " + std::string(70'000, 'x')),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("too long")));
}

TEST_F(ServerProbeTest, SilentHangUpIsUnavailable) {
  EXPECT_THAT(VersionFor(""), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("without a word")));
}

TEST_F(ServerProbeTest, SilenceEndsWithTheTime) {
  EXPECT_THAT(ProbeServer(listener_.url(), milliseconds(20), cancellation_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("does not answer")));
}

TEST_F(ServerProbeTest, CancellationEndsTheWait) {
  std::thread canceller([this] { cancellation_.Cancel(); });
  EXPECT_THAT(ProbeServer(listener_.url(), seconds(600), cancellation_),
              StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST_F(ServerProbeTest, UnknownHostIsNamed) {
  const ServerUrl url{.host = "no-such-host.invalid", .port = "4222", .tls = false};
  EXPECT_THAT(ProbeServer(url, seconds(20), cancellation_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no-such-host.invalid")));
}

}  // namespace
}  // namespace meshwarden::testing
