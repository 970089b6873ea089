// A connection and a server that is there.
#include "endpoint/nats/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "base/status_matchers.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing::connection_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr milliseconds kTimeout = seconds(10);

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({})); }

  std::unique_ptr<Connection> MustOpen() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.max_requests_in_flight = 1000;
    options.on_error = [this](const absl::Status& status) { errors_.Add(status); };
    return MustOpen(std::move(options));
  }
  static std::unique_ptr<Connection> MustOpen(ConnectionOptions options) {
    auto connection = Connection::Open(std::move(options));
    EXPECT_THAT(connection, IsOk());
    return connection.ok() ? *std::move(connection) : nullptr;
  }
  // Answers every request on `subject` with "re:" and its payload.
  static std::unique_ptr<Subscription> Echo(Connection& connection, std::string_view subject) {
    auto subscription = connection.Subscribe(subject, "", [&connection](const NatsMessage& message) {
      EXPECT_THAT(connection.Publish(message.reply, "re:" + message.payload), IsOk());
    });
    EXPECT_THAT(subscription, IsOk());
    EXPECT_THAT(connection.Flush(kTimeout), IsOk());
    return *std::move(subscription);
  }

  std::unique_ptr<TestBroker> broker_;
  Collector<absl::Status> errors_;  // outlives the connections that report to it
};

TEST_F(ConnectionTest, MessageReachesTheSubscriber) {
  const auto connection = MustOpen();
  Collector<NatsMessage> received;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription, connection->Subscribe("a.*", "", [&](NatsMessage message) {
    received.Add(std::move(message));
  }));
  ASSERT_THAT(connection->PublishRequest("a.b", "answer.here", "text"), IsOk());
  const std::vector<NatsMessage> messages = received.Await(1);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].subject, "a.b");
  EXPECT_EQ(messages[0].reply, "answer.here");
  EXPECT_EQ(messages[0].payload, "text");
}

TEST_F(ConnectionTest, HeadersTravelWithTheMessage) {
  const auto connection = MustOpen();
  Collector<NatsMessage> received;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription, connection->Subscribe("a", "", [&](NatsMessage message) {
    received.Add(std::move(message));
  }));
  ASSERT_THAT(connection->PublishMessage(
                  {.subject = "a", .reply = "", .payload = "x", .headers = {{"Nats-Msg-Id", "7"}}}),
              IsOk());
  const std::vector<NatsMessage> messages = received.Await(1);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_THAT(messages[0].headers, ElementsAre(Pair("Nats-Msg-Id", "7")));
  EXPECT_EQ(messages[0].payload, "x");
}

TEST_F(ConnectionTest, RequestIsAnswered) {
  const auto connection = MustOpen();
  const auto echo = Echo(*connection, "echo");
  MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer, connection->Request("echo", "hello", kTimeout));
  EXPECT_EQ(answer.payload, "re:hello");
  EXPECT_THAT(answer.subject, StartsWith("_INBOX_" + connection->id() + "."));
}

TEST_F(ConnectionTest, RequestThatNobodyServesEndsAtOnce) {
  const auto connection = MustOpen();
  const absl::Status status = connection->Request("nobody.here", "", seconds(60)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("nobody")));
  EXPECT_TRUE(IsNoResponders(status));
}

TEST_F(ConnectionTest, RequestWithoutAnswerEndsByItsDeadline) {
  const auto connection = MustOpen();
  MW_ASSERT_OK_AND_ASSIGN(const auto silent, connection->Subscribe("silent", "", [](const NatsMessage&) {}));
  const auto begin = std::chrono::steady_clock::now();
  const absl::Status status = connection->Request("silent", "", milliseconds(50)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not known")));
  EXPECT_FALSE(IsNoResponders(status));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(50));
}

TEST_F(ConnectionTest, ShorterDeadlineBehindALongerOneIsKept) {
  const auto connection = MustOpen();
  MW_ASSERT_OK_AND_ASSIGN(const auto silent, connection->Subscribe("silent", "", [](const NatsMessage&) {}));
  connection->RequestAsync("silent", "", seconds(60), [](const absl::StatusOr<NatsMessage>&) {});
  EXPECT_THAT(connection->Request("silent", "", milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(ConnectionTest, ThousandRequestsInFlightGetTheirOwnAnswers) {
  const auto connection = MustOpen();
  const auto echo = Echo(*connection, "echo");
  Collector<bool> matched;
  for (int i = 0; i < 1000; ++i) {
    connection->RequestAsync("echo", std::to_string(i), kTimeout,
                             [&matched, i](absl::StatusOr<NatsMessage> answer) {
                               matched.Add(answer.ok() && answer->payload == "re:" + std::to_string(i));
                             });
  }
  EXPECT_THAT(matched.Await(1000), AllOf(SizeIs(1000), Each(true)));
}

TEST_F(ConnectionTest, OneRequestTooManyIsRefused) {
  ConnectionOptions options;
  options.servers = {broker_->url()};
  options.max_requests_in_flight = 3;
  const auto connection = MustOpen(std::move(options));
  MW_ASSERT_OK_AND_ASSIGN(const auto silent, connection->Subscribe("silent", "", [](const NatsMessage&) {}));
  for (int i = 0; i < 3; ++i)
    connection->RequestAsync("silent", "", kTimeout, [](const absl::StatusOr<NatsMessage>&) {});
  EXPECT_THAT(connection->Request("silent", "", kTimeout),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("3 requests")));
}

TEST_F(ConnectionTest, QueueGroupSharesMessages) {
  const auto connection = MustOpen();
  std::atomic<int> first{0};
  Collector<bool> all;
  MW_ASSERT_OK_AND_ASSIGN(const auto a, connection->Subscribe("work", "q", [&](const NatsMessage&) {
    ++first;
    all.Add(true);
  }));
  MW_ASSERT_OK_AND_ASSIGN(const auto b,
                          connection->Subscribe("work", "q", [&](const NatsMessage&) { all.Add(true); }));
  for (int i = 0; i < 200; ++i) ASSERT_THAT(connection->Publish("work", ""), IsOk());
  EXPECT_THAT(all.Await(200), SizeIs(200));
  EXPECT_GT(first, 0);
  EXPECT_LT(first, 200);
}

TEST_F(ConnectionTest, EndedSubscriptionIsSilent) {
  const auto connection = MustOpen();
  Collector<std::string> received;
  MW_ASSERT_OK_AND_ASSIGN(auto subscription, connection->Subscribe("a", "", [&](const NatsMessage& message) {
    received.Add(message.payload);
  }));
  ASSERT_THAT(connection->Publish("a", "before"), IsOk());
  EXPECT_THAT(received.Await(1), ElementsAre("before"));
  subscription.reset();
  ASSERT_THAT(connection->Publish("a", "after"), IsOk());
  ASSERT_THAT(connection->Flush(kTimeout), IsOk());
  EXPECT_THAT(connection->Request("a", "", kTimeout), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(received.Await(1), ElementsAre("before"));
}

TEST_F(ConnectionTest, HandlerMayEndItsOwnSubscription) {
  const auto connection = MustOpen();
  Collector<bool> ended;
  std::unique_ptr<Subscription> subscription;
  Collector<bool> may_run;
  MW_ASSERT_OK_AND_ASSIGN(subscription, connection->Subscribe("a", "", [&](const NatsMessage&) {
    may_run.Await(1);
    subscription.reset();
    ended.Add(true);
  }));
  ASSERT_THAT(connection->Publish("a", ""), IsOk());
  may_run.Add(true);
  EXPECT_THAT(ended.Await(1), SizeIs(1));
}

TEST_F(ConnectionTest, CallbackMayAskAgain) {
  const auto connection = MustOpen();
  const auto echo = Echo(*connection, "echo");
  Collector<std::string> answers;
  connection->RequestAsync("echo", "1", kTimeout, [&](absl::StatusOr<NatsMessage> first) {
    connection->RequestAsync("echo", first->payload, kTimeout,
                             [&](absl::StatusOr<NatsMessage> second) { answers.Add(second->payload); });
  });
  EXPECT_THAT(answers.Await(1), ElementsAre("re:re:1"));
}

TEST_F(ConnectionTest, SubjectThatWouldBreakTheProtocolIsRefused) {
  const auto connection = MustOpen();
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(connection->Publish("a\r\nPUB b 0\r\n\r\n", ""), invalid);
  EXPECT_THAT(connection->Publish("a b", ""), invalid);
  EXPECT_THAT(connection->PublishRequest("a", "r\r\n", ""), invalid);
  EXPECT_THAT(connection->Subscribe("a", "q q", [](const NatsMessage&) {}), invalid);
  EXPECT_THAT(connection->Request("", "", kTimeout), invalid);
  EXPECT_THAT(connection->PublishMessage(
                  {.subject = "a", .reply = "", .payload = "", .headers = {{"K", "v\r\nX: y"}}}),
              invalid);
}

TEST_F(ConnectionTest, PayloadBeyondTheServersLimitIsRefused) {
  const auto connection = MustOpen();
  EXPECT_THAT(connection->Publish("a", std::string(2 << 20, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionTest, ServerVersionIsTold) {
  const auto connection = MustOpen();
  EXPECT_THAT(broker_->log(), HasSubstr("Version:  " + connection->server_version()));
  EXPECT_TRUE(connection->connected());
}

TEST_F(ConnectionTest, ProgramsStartedByThisOneDoNotInheritTheConnection) {
  const auto connection = MustOpen();
  int connections = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (ntohs(peer.sin_port) != broker_->port()) continue;
    ++connections;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(connections, 1);
}

TEST_F(ConnectionTest, InboxesDiffer) {
  const auto connection = MustOpen();
  const std::string inbox = connection->NewInbox();
  EXPECT_THAT(inbox, StartsWith("_INBOX_" + connection->id() + "."));
  EXPECT_NE(inbox, connection->NewInbox());
}

TEST_F(ConnectionTest, DrainFinishesTheHandlersAndRefusesWhatComesLater) {
  const auto connection = MustOpen();
  Collector<bool> started;
  Collector<bool> finish;
  std::atomic<int> handled{0};
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription, connection->Subscribe("a", "", [&](const NatsMessage&) {
    started.Add(true);
    finish.Await(1);
    ++handled;
  }));
  for (int i = 0; i < 3; ++i) ASSERT_THAT(connection->Publish("a", ""), IsOk());
  ASSERT_THAT(started.Await(1), SizeIs(1));
  ASSERT_THAT(connection->Flush(kTimeout), IsOk());
  std::thread drainer([&] { EXPECT_THAT(connection->Drain(kTimeout), IsOk()); });
  finish.Add(true);
  drainer.join();
  EXPECT_EQ(handled, 3);
  EXPECT_THAT(connection->Publish("a", ""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("closed")));
  EXPECT_THAT(connection->Drain(kTimeout), IsOk());
}

TEST_F(ConnectionTest, DrainSendsWhatWasPublished) {
  const auto receiver = MustOpen();
  Collector<bool> received;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription,
                          receiver->Subscribe("a", "", [&](const NatsMessage&) { received.Add(true); }));
  ASSERT_THAT(receiver->Flush(kTimeout), IsOk());
  const auto sender = MustOpen();
  for (int i = 0; i < 1000; ++i) ASSERT_THAT(sender->Publish("a", std::string(1000, 'x')), IsOk());
  ASSERT_THAT(sender->Drain(kTimeout), IsOk());
  EXPECT_THAT(received.Await(1000), SizeIs(1000));
}

TEST_F(ConnectionTest, DrainDoesNotWaitForAHandlerThatHangs) {
  const auto connection = MustOpen();
  Collector<bool> started;
  Collector<bool> finish;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription, connection->Subscribe("a", "", [&](const NatsMessage&) {
    started.Add(true);
    finish.Await(1);
  }));
  ASSERT_THAT(connection->Publish("a", ""), IsOk());
  ASSERT_THAT(started.Await(1), SizeIs(1));
  EXPECT_THAT(connection->Drain(milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("handler")));
  finish.Add(true);
}

TEST_F(ConnectionTest, ClosingEndsRequestsInFlight) {
  const auto connection = MustOpen();
  MW_ASSERT_OK_AND_ASSIGN(auto silent, connection->Subscribe("silent", "", [](const NatsMessage&) {}));
  Collector<absl::Status> ended;
  connection->RequestAsync("silent", "", kTimeout,
                           [&](const absl::StatusOr<NatsMessage>& answer) { ended.Add(answer.status()); });
  ASSERT_THAT(connection->Drain(kTimeout), IsOk());
  EXPECT_THAT(ended.Await(1), ElementsAre(StatusIs(absl::StatusCode::kFailedPrecondition)));
}

TEST_F(ConnectionTest, SeveralThreadsMayUseOneConnection) {
  const auto connection = MustOpen();
  const auto echo = Echo(*connection, "echo");
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) good += connection->Request("echo", "x", kTimeout).ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

// A subscription is written by the loop, a message by its publisher; the two meet at the same buffer.
TEST_F(ConnectionTest, LoopAndPublisherWriteSideBySide) {
  const auto connection = MustOpen();
  Collector<bool> received;
  for (int i = 0; i < 1000; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const auto subscription,
                            connection->Subscribe("a", "", [&](const NatsMessage&) { received.Add(true); }));
    ASSERT_THAT(connection->Publish("a", ""), IsOk());
  }
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
  EXPECT_THAT(errors_.Await(0), SizeIs(0));
}

// The library writes it into a JSON text; "user" would be a login.
TEST_F(ConnectionTest, NameMayHoldWhatJsonEscapes) {
  ConnectionOptions options;
  options.servers = {broker_->url()};
  options.name = "a\",\"user\":\"x \\ \n\t\x7f";
  const auto connection = MustOpen(std::move(options));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionTest, IdMakesTheInboxPrefix) {
  ConnectionOptions options;
  options.servers = {broker_->url()};
  options.id = "ada-1";
  const auto connection = MustOpen(std::move(options));
  EXPECT_EQ(connection->id(), "ada-1");
  EXPECT_THAT(connection->NewInbox(), StartsWith("_INBOX_ada-1."));
  EXPECT_NE(MustOpen()->id(), MustOpen()->id());
}

TEST_F(ConnectionTest, TokenLogsIn) {
  MW_ASSERT_OK_AND_ASSIGN(const auto guarded,
                          TestBroker::Start({.config = "authorization { token: secret }"}));
  ConnectionOptions options;
  options.servers = {guarded->url()};
  options.token = std::make_shared<const Secret>(Secret::CopyOf("secret"));
  EXPECT_THAT(MustOpen(options)->Flush(kTimeout), IsOk());
  options.token = std::make_shared<const Secret>(Secret::CopyOf("guess"));
  EXPECT_THAT(Connection::Open(options), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ConnectionTest, UserAndPasswordLogIn) {
  MW_ASSERT_OK_AND_ASSIGN(const auto guarded,
                          TestBroker::Start({.config = "authorization { user: ada, password: secret }"}));
  ConnectionOptions options;
  options.servers = {guarded->url()};
  options.user = "ada";
  EXPECT_THAT(Connection::Open(options), StatusIs(absl::StatusCode::kPermissionDenied));
  options.password = std::make_shared<const Secret>(Secret::CopyOf("secret"));
  EXPECT_THAT(MustOpen(options)->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionTest, WhatIsPublishedSoonArrivesByItself) {
  const auto connection = MustOpen();
  Collector<std::string> received;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto subscription,
      connection->Subscribe("a", "", [&](const NatsMessage& message) { received.Add(message.payload); }));
  ASSERT_THAT(connection->PublishSoon("a", "1"), IsOk());
  EXPECT_THAT(received.Await(1), ElementsAre("1"));
  ASSERT_THAT(connection->PublishSoon("a", "2"), IsOk());
  ASSERT_THAT(connection->Publish("a", "3"), IsOk());
  ASSERT_THAT(connection->PublishSoon("a", "4"), IsOk());
  EXPECT_THAT(received.Await(4), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(connection->PublishSoon("a b", ""), StatusIs(absl::StatusCode::kInvalidArgument));
}

// Each by itself, while nothing else makes the connection write: no other publish, and no ping.
TEST_F(ConnectionTest, WhatIsPublishedSoonAndAloneIsNotKeptWaiting) {
  ConnectionOptions options;
  options.servers = {broker_->url()};
  options.ping_interval = seconds(300);
  const auto receiver = MustOpen(options);
  Collector<bool> received;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription,
                          receiver->Subscribe("a", "", [&](const NatsMessage&) { received.Add(true); }));
  ASSERT_THAT(receiver->Flush(kTimeout), IsOk());
  const auto sender = MustOpen(options);
  for (std::size_t sent = 1; sent <= 3; ++sent) {
    ASSERT_THAT(sender->Flush(kTimeout), IsOk());
    ASSERT_THAT(received.Await(sent, milliseconds(50)), SizeIs(sent - 1));  // the loop is at rest then
    ASSERT_THAT(sender->PublishSoon("a", "x"), IsOk());
    ASSERT_THAT(received.Await(sent, seconds(10)), SizeIs(sent));
  }
}

TEST_F(ConnectionTest, WhatIsPublishedSoonIsSentBeforeClosing) {
  const auto receiver = MustOpen();
  Collector<bool> received;
  MW_ASSERT_OK_AND_ASSIGN(const auto subscription,
                          receiver->Subscribe("a", "", [&](const NatsMessage&) { received.Add(true); }));
  ASSERT_THAT(receiver->Flush(kTimeout), IsOk());
  const auto sender = MustOpen();
  for (int i = 0; i < 1000; ++i) ASSERT_THAT(sender->PublishSoon("a", "x"), IsOk());
  ASSERT_THAT(sender->Drain(kTimeout), IsOk());
  EXPECT_THAT(received.Await(1000), SizeIs(1000));
  EXPECT_THAT(sender->PublishSoon("a", "x"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ConnectionTest, RequestCarriesHeaders) {
  const auto connection = MustOpen();
  MW_ASSERT_OK_AND_ASSIGN(const auto echo, connection->Subscribe("echo", "", [&](NatsMessage message) {
    message.subject = std::exchange(message.reply, "");
    EXPECT_THAT(connection->PublishMessage(message), IsOk());
  }));
  MW_ASSERT_OK_AND_ASSIGN(
      const NatsMessage answer,
      connection->RequestMessage(
          {.subject = "echo", .reply = "overwritten", .payload = "x", .headers = {{"Nats-Msg-Id", "7"}}},
          kTimeout));
  EXPECT_EQ(answer.payload, "x");
  EXPECT_THAT(answer.headers, ElementsAre(Pair("Nats-Msg-Id", "7")));
  EXPECT_THAT(connection->RequestMessage(
                  {.subject = "echo", .reply = "", .payload = "", .headers = {{"K", "v\r\nX: y"}}}, kTimeout),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const auto nobody = connection->RequestMessage(
      {.subject = "nobody", .reply = "", .payload = "", .headers = {{"K", "v"}}}, kTimeout);
  EXPECT_TRUE(IsNoResponders(nobody.status())) << nobody.status();
}

TEST(ConnectionOpenTest, BadOptionsAreRefused) {
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Connection::Open({}), invalid);
  ConnectionOptions password;
  password.servers = {"nats://user:secret@localhost"};
  EXPECT_THAT(Connection::Open(password), invalid);
  ConnectionOptions id;
  id.servers = {"localhost"};
  id.id = "a.b";
  EXPECT_THAT(Connection::Open(id), invalid);
}

}  // namespace
}  // namespace meshwarden::testing::connection_test
