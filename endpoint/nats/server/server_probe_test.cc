#include "endpoint/nats/server/server_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden::testing::server_probe_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Listens on a free port of this machine; says `greeting` to the first who comes.
class Listener {
 public:
  // On a free port, or on that of another one.
  explicit Listener(const std::string& host = "127.0.0.1", const std::string& port = "0")
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    EXPECT_EQ(inet_pton(AF_INET, host.c_str(), &address.sin_addr), 1);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = {.host = host, .port = std::to_string(ntohs(address.sin_port)), .tls = false};
  }
  ~Listener() {
    if (speaker_.joinable()) speaker_.join();
    close(fd_);
  }
  // `silence`: how many are left without a word before.
  void Greet(std::string greeting, int silence = 0) {
    speaker_ = std::thread([this, silence, greeting = std::move(greeting)] {
      std::vector<int> others;
      while (std::cmp_less(others.size(), silence)) others.push_back(accept(fd_, nullptr, nullptr));
      const int client = accept(fd_, nullptr, nullptr);
      [[maybe_unused]] const ssize_t sent = send(client, greeting.data(), greeting.size(), MSG_NOSIGNAL);
      close(client);
      for (const int other : others) close(other);
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

// A name that has two addresses: at 127.0.0.2 and at 127.0.0.1.
class TwoAddressesTest : public ServerProbeTest {
 protected:
  absl::StatusOr<ServerGreeting> Probe(milliseconds timeout) {
    const ServerUrl url{.host = "two.example", .port = listener_.url().port, .tls = false};
    return ProbeServer(url, timeout, cancellation_, [](const std::string& host) {
      EXPECT_EQ(host, "two.example");
      return absl::StatusOr<std::vector<std::string>>({"127.0.0.2", "127.0.0.1"});
    });
  }
  void Greet(Listener& listener) { listener.Greet("INFO {\"version\":\"2.10.27\"}\r\n"); }
};

TEST_F(TwoAddressesTest, OneWhereNobodyListensHidesNoOther) {
  Greet(listener_);
  MW_ASSERT_OK_AND_ASSIGN(const ServerGreeting greeting, Probe(seconds(20)));
  EXPECT_EQ(greeting.address, "127.0.0.1");
}

TEST_F(TwoAddressesTest, OneThatHangsHidesNoOther) {
  const Listener silent("127.0.0.2", listener_.url().port);
  Greet(listener_);
  const auto begin = std::chrono::steady_clock::now();
  MW_ASSERT_OK_AND_ASSIGN(const ServerGreeting greeting, Probe(seconds(60)));
  EXPECT_EQ(greeting.address, "127.0.0.1");
  // Nor holds it up for its share of the time.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(15));
}

TEST_F(TwoAddressesTest, OneThatIsSlowIsWaitedForWhereNoOtherWillDo) {
  Listener slow("127.0.0.2", listener_.url().port);
  slow.Greet("INFO {\"version\":\"2.10.27\"}\r\n", 1);
  MW_ASSERT_OK_AND_ASSIGN(const ServerGreeting greeting, Probe(seconds(20)));
  EXPECT_EQ(greeting.address, "127.0.0.2");
}

TEST_F(TwoAddressesTest, OneThatIsNoServerHidesNoOther) {
  Listener other("127.0.0.2", listener_.url().port);
  other.Greet("HTTP/1.1 400 Bad Request\r\n");
  Greet(listener_);
  MW_ASSERT_OK_AND_ASSIGN(const ServerGreeting greeting, Probe(seconds(20)));
  EXPECT_EQ(greeting.address, "127.0.0.1");
}

TEST_F(TwoAddressesTest, TheFirstThatAnswersIsTaken) {
  Listener first("127.0.0.2", listener_.url().port);
  Greet(first);
  MW_ASSERT_OK_AND_ASSIGN(const ServerGreeting greeting, Probe(seconds(20)));
  EXPECT_EQ(greeting.address, "127.0.0.2");
}

TEST_F(TwoAddressesTest, TheTimeIsSharedAndEachIsNamed) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Probe(milliseconds(200)), StatusIs(absl::StatusCode::kUnavailable,
                                                 AllOf(HasSubstr("two.example"), HasSubstr("127.0.0.2: "),
                                                       HasSubstr("127.0.0.1: does not answer"))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
}

TEST_F(TwoAddressesTest, ANameThatCannotBeResolvedIsNamed) {
  EXPECT_THAT(ProbeServer({.host = "two.example", .port = "4222", .tls = false}, seconds(20), cancellation_,
                          [](const std::string&) { return absl::UnavailableError("nobody knows it"); }),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("two.example"), HasSubstr("nobody knows it"))));
}

TEST_F(TwoAddressesTest, ALookUpThatTakesLongLeavesTheAddressesTheirTime) {
  Greet(listener_);
  const milliseconds timeout(1000);
  EXPECT_THAT(ProbeServer(listener_.url(), timeout, cancellation_,
                          [&](const std::string&) {
                            poll(nullptr, 0, static_cast<int>(timeout.count()) + 100);
                            return std::vector<std::string>{"127.0.0.1"};
                          }),
              IsOk());
}

TEST_F(TwoAddressesTest, NothingIsLookedUpOnceItIsCalledOff) {
  const auto look_up = [this](const std::string&) {
    EXPECT_FALSE(cancellation_.cancelled());
    cancellation_.Cancel();
    return absl::UnavailableError("nobody knows it");
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(ProbeServer(listener_.url(), seconds(20), cancellation_, look_up),
                StatusIs(absl::StatusCode::kCancelled));
  }
}

TEST(ResolveBySystemTest, LocalhostIsThisMachine) {
  EXPECT_THAT(ResolveBySystem("localhost"), IsOkAndHolds(Contains(AnyOf("127.0.0.1", "::1"))));
  EXPECT_THAT(ResolveBySystem("::1"), IsOkAndHolds(ElementsAre("::1")));
}

}  // namespace
}  // namespace meshwarden::testing::server_probe_test
