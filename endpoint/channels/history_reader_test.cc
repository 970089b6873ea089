#include "endpoint/channels/history_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"

namespace meshwarden::history_reader_test {
namespace {

using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::kPatience;
using ::meshwarden::testing::Mesh;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestAgent;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  alice: { allowSubscribe: [general, team.>], allowPublish: [general] }
)";
constexpr char kGeneral[] = "cotal.main.chat.*.general";
constexpr char kChat[] = "CHAT_main";

std::vector<std::string> Payloads(const HistoryPage& page) {
  std::vector<std::string> payloads;
  for (const HistoryMessage& message : page.messages) payloads.push_back(message.payload);
  return payloads;
}

// Every message of `subject`, page by page.
absl::StatusOr<std::vector<HistoryMessage>> ReadAll(HistoryReader& reader, const std::string& subject,
                                                    std::size_t limit = kHistoryPage) {
  std::vector<HistoryMessage> all;
  HistoryQuery query = {.subject = subject};
  query.limit = limit;
  while (true) {
    MW_ASSIGN_OR_RETURN(HistoryPage page, reader.ReadPage(query));
    std::move(page.messages.begin(), page.messages.end(), std::back_inserter(all));
    if (page.end) return all;
    if (page.next_seq <= query.start_seq) return absl::InternalError("no progress");
    query.start_seq = page.next_seq;
  }
}

// On an open broker.
class OpenHistoryTest : public ::testing::Test {
 protected:
  static constexpr char kName[] = "chathist_UA";

  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ASSERT_NO_FATAL_FAILURE(Connect());
    ASSERT_THAT(Privileged(*api_, "main").CreateSpaceStreams(1), IsOk());
  }
  void Connect() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kPatience);
    reader_ = std::make_unique<HistoryReader>(*connection_, *api_, kChat, kName, kPatience);
  }
  void Post(const std::string& sender, const std::string& channel, const std::string& text) {
    ASSERT_THAT(
        api_->PublishStored(fmt::format("cotal.main.chat.{}.{}", sender, channel), text, std::nullopt),
        IsOk());
  }
  void ExpectNoConsumer() {
    EXPECT_TRUE(HasJsError(api_->GetConsumer(kChat, kName).status(), JsError::kConsumerNotFound));
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<HistoryReader> reader_;
};

TEST_F(OpenHistoryTest, PagesHoldAllSendersInStreamOrder) {
  std::vector<std::string> expected;
  for (int i = 0; i < 600; ++i) {
    expected.push_back(std::to_string(i));
    Post(fmt::format("U{}", i % 3), "general", expected.back());
    if (i % 10 == 0) Post("U1", "ops", "other");
  }
  HistoryQuery query = {.subject = kGeneral};
  std::vector<std::string> read;
  std::vector<std::size_t> sizes;
  HistoryPage page;
  std::uint64_t last = 0;
  while (!page.end && sizes.size() < 10) {
    MW_ASSERT_OK_AND_ASSIGN(page, reader_->ReadPage(query));
    for (const HistoryMessage& message : page.messages) {
      EXPECT_GT(message.seq, last);
      last = message.seq;
      EXPECT_EQ(message.subject, fmt::format("cotal.main.chat.U{}.general", read.size() % 3));
      read.push_back(message.payload);
    }
    sizes.push_back(page.messages.size());
    query.start_seq = page.next_seq;
    EXPECT_EQ(page.next_seq, last + 1);
    ExpectNoConsumer();
  }
  EXPECT_EQ(read, expected);
  EXPECT_THAT(sizes, ElementsAre(256u, 256u, 88u));
}

TEST_F(OpenHistoryTest, ThePageThatEndsWithTheLastMessageIsTheEnd) {
  for (int i = 0; i < 4; ++i) Post("U1", "general", std::to_string(i));
  HistoryQuery query = {.subject = kGeneral};
  query.limit = 2;
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage first, reader_->ReadPage(query));
  EXPECT_FALSE(first.end);
  EXPECT_EQ(first.next_seq, 3u);
  query.start_seq = 3;
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage second, reader_->ReadPage(query));
  EXPECT_THAT(Payloads(second), ElementsAre("2", "3"));
  EXPECT_TRUE(second.end);
}

TEST_F(OpenHistoryTest, WhereNothingIsStoredThePageIsEmptyAndTheEnd) {
  Post("U1", "ops", "other");
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage page, reader_->ReadPage({.subject = kGeneral, .start_seq = 1}));
  EXPECT_THAT(page.messages, IsEmpty());
  EXPECT_TRUE(page.end);
  EXPECT_EQ(page.next_seq, 1u);
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage beyond,
                          reader_->ReadPage({.subject = kGeneral, .start_seq = 50}));
  EXPECT_TRUE(beyond.end);
  EXPECT_EQ(beyond.next_seq, 50u);
  ExpectNoConsumer();
}

TEST_F(OpenHistoryTest, AnEmptyStoredMessageWithHeadersOfAStatusIsAMessage) {
  NatsMessage message;
  message.subject = "cotal.main.chat.U1.general";
  message.headers = {{"Status", "404"}};
  ASSERT_THAT(connection_->RequestMessage(message, kPatience), IsOk());
  Post("U1", "general", "2");
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage page, reader_->ReadPage({.subject = kGeneral}));
  EXPECT_THAT(Payloads(page), ElementsAre("", "2"));
}

// A broker that is loaded, or has just been started, may say that there is nothing although there is. The
// test gives its answers here.
TEST_F(OpenHistoryTest, APageThatBreaksOffIsNotTheEnd) {
  ASSERT_THAT(
      broker_->SetConfig("jetstream: { max_mem: 64M, max_file: 256M }\n"
                         "mappings: { \"$JS.API.CONSUMER.MSG.NEXT.CHAT_main.chathist_UA\": pulls }\n"),
      IsOk());
  for (int i = 0; i < 3; ++i) Post("U1", "general", std::to_string(i));
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect());
  for (const char* status : {"404", "408"}) {
    MW_ASSERT_OK_AND_ASSIGN(const auto pulls, connection_->Subscribe("pulls", "", [&](NatsMessage pull) {
      NatsMessage answer;
      answer.subject = pull.reply;
      answer.headers = {{"Status", status}};
      EXPECT_THAT(connection_->PublishMessage(answer), IsOk());
    }));
    EXPECT_THAT(reader_->ReadPage({.subject = kGeneral}).status(), StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST_F(OpenHistoryTest, BeginsAtATime) {
  Post("U1", "general", "before");
  // Broker and test have the same clock.
  const auto since = std::chrono::system_clock::now();
  Post("U1", "general", "after");
  Post("U2", "general", "later");
  HistoryQuery query = {.subject = kGeneral};
  query.since = since;
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage page, reader_->ReadPage(query));
  EXPECT_THAT(Payloads(page), ElementsAre("after", "later"));
  query.since = since + std::chrono::hours(1);
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage none, reader_->ReadPage(query));
  EXPECT_TRUE(none.end);
  EXPECT_EQ(none.next_seq, 4u);
}

TEST_F(OpenHistoryTest, AConsumerThatACrashedReaderLeftIsReplaced) {
  for (int i = 0; i < 3; ++i) Post("U1", "general", std::to_string(i));
  Post("U1", "ops", "other");
  ASSERT_THAT(
      api_->CreateConsumer(kChat, HistoryConsumerConfig(kName, "cotal.main.chat.*.ops", 1, std::nullopt)),
      IsOk());
  EXPECT_THAT(Payloads(*reader_->ReadPage({.subject = kGeneral})), ElementsAre("0", "1", "2"));
  ExpectNoConsumer();
  // And also by a reader that has read before.
  ASSERT_THAT(
      api_->CreateConsumer(kChat, HistoryConsumerConfig(kName, "cotal.main.chat.*.ops", 1, std::nullopt)),
      IsOk());
  EXPECT_THAT(Payloads(*reader_->ReadPage({.subject = kGeneral})), ElementsAre("0", "1", "2"));
  ExpectNoConsumer();
}

TEST_F(OpenHistoryTest, ALeftoverThatHasBeenReadFromIsNotReadOn) {
  for (int i = 0; i < 3; ++i) Post("U1", "general", std::to_string(i));
  ASSERT_THAT(reader_->ReadPage({.subject = kGeneral}), IsOk());
  ASSERT_THAT(api_->CreateConsumer(kChat, HistoryConsumerConfig(kName, kGeneral, 1, std::nullopt)), IsOk());
  Collector<std::string> pulled;
  const std::string inbox = connection_->NewInbox();
  MW_ASSERT_OK_AND_ASSIGN(
      const auto subscription,
      connection_->Subscribe(inbox, "", [&](const NatsMessage& message) { pulled.Add(message.payload); }));
  const std::string next = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", kChat, kName);
  ASSERT_THAT(connection_->PublishRequest(next, inbox, "1"), IsOk());
  ASSERT_THAT(pulled.Await(1), ElementsAre("0"));
  EXPECT_THAT(Payloads(*reader_->ReadPage({.subject = kGeneral})), ElementsAre("0", "1", "2"));
}

TEST_F(OpenHistoryTest, ReadsOfSeveralThreadsDoNotMix) {
  constexpr int kThreads = 4;
  for (int i = 0; i < 100; ++i) {
    for (int channel = 0; channel < kThreads; ++channel) {
      Post("U1", fmt::format("c{}", channel), std::to_string(channel));
    }
  }
  std::vector<absl::StatusOr<std::vector<HistoryMessage>>> results(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back(
        [this, i, &results] { results[i] = ReadAll(*reader_, fmt::format("cotal.main.chat.*.c{}", i), 30); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kThreads; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const std::vector<HistoryMessage> messages, std::move(results[i]));
    EXPECT_THAT(messages, SizeIs(100));
    for (const HistoryMessage& message : messages) {
      EXPECT_EQ(message.subject, fmt::format("cotal.main.chat.U1.c{}", i));
      EXPECT_EQ(message.payload, std::to_string(i));
    }
  }
}

TEST_F(OpenHistoryTest, LargeMessagesMakeShortPagesAndNoneIsLost) {
  const std::string large(1'000'000, 'x');
  for (int i = 0; i < 20; ++i) Post("U1", "general", large);
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage first, reader_->ReadPage({.subject = kGeneral}));
  EXPECT_FALSE(first.end);
  EXPECT_LT(first.messages.size(), 20u);
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<HistoryMessage> all, ReadAll(*reader_, kGeneral));
  EXPECT_THAT(all, SizeIs(20));
}

TEST_F(OpenHistoryTest, APageHasALimit) {
  for (const std::size_t limit : {std::size_t{0}, kHistoryPage + 1}) {
    HistoryQuery query = {.subject = kGeneral};
    query.limit = limit;
    EXPECT_THAT(reader_->ReadPage(query), StatusIs(absl::StatusCode::kInvalidArgument)) << limit;
  }
  EXPECT_THAT(reader_->ReadPage({.subject = ""}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(OpenHistoryTest, ALostConnectionEndsTheReadAtOnce) {
  Post("U1", "general", "1");
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(reader_->ReadPage({.subject = kGeneral}), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(broker_->Restart(), IsOk());
  absl::StatusOr<HistoryPage> page = absl::UnavailableError("not asked yet");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (absl::IsUnavailable(page.status()) && std::chrono::steady_clock::now() < deadline) {
    page = reader_->ReadPage({.subject = kGeneral});
    std::this_thread::yield();
  }
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(Payloads(*page), ElementsAre("1"));
}

// In a cluster whose servers the test answers for: the one that is there has no JetStream.
class ClusterHistoryTest : public ::testing::Test {
 protected:
  static constexpr char kNext[] = "$JS.API.CONSUMER.MSG.NEXT.CHAT_main.chathist_UA";

  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_,
                            TestBroker::Start({.config = "cluster { name: c, listen: \"127.0.0.1:-1\" }\n"}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kPatience);
    reader_ = std::make_unique<HistoryReader>(*connection_, *api_, kChat, "chathist_UA", kPatience);
    Answer("$JS.API.CONSUMER.DELETE.CHAT_main.chathist_UA", [] { return R"({"success":true})"; });
    // s2 has been away.
    Answer("$JS.API.STREAM.INFO.CHAT_main", [] {
      return R"({"config":{"name":"CHAT_main"},"created":"then","state":{"messages":1,"first_seq":1,)"
             R"("last_seq":1,"consumer_count":0},"cluster":{"name":"c","leader":"s1","replicas":[)"
             R"({"name":"s2","current":false,"active":1}]}})";
    });
  }
  void Answer(const std::string& subject, std::function<std::string()> answer) {
    MW_ASSERT_OK_AND_ASSIGN(auto subscription,
                            connection_->Subscribe(subject, "", [this, answer](const NatsMessage& request) {
                              (void)connection_->Publish(request.reply, answer());
                            }));
    ASSERT_THAT(connection_->Flush(kPatience), IsOk());
    subscriptions_.push_back(std::move(subscription));
  }
  static std::string Made(const std::string& leader, int pending) {
    return fmt::format(
        R"({{"stream_name":"CHAT_main","name":"chathist_UA","config":{{"name":"chathist_UA",)"
        R"("filter_subject":"{}"}},"delivered":{{"consumer_seq":0,"stream_seq":0}},)"
        R"("ack_floor":{{"consumer_seq":0,"stream_seq":0}},"num_ack_pending":0,"num_pending":{},)"
        R"("created":"then","cluster":{{"name":"c","leader":"{}"}}}})",
        kGeneral, pending, leader);
  }
  // Answers pulls: that there is nothing. What looks like a message of a stream's no client may send.
  void Serve() {
    MW_ASSERT_OK_AND_ASSIGN(auto subscription,
                            connection_->Subscribe(kNext, "", [this](const NatsMessage& request) {
                              NatsMessage message;
                              message.subject = request.reply;
                              message.headers = {{"Status", "404"}};
                              (void)connection_->PublishMessage(message);
                            }));
    ASSERT_THAT(connection_->Flush(kPatience), IsOk());
    subscriptions_.push_back(std::move(subscription));
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<HistoryReader> reader_;
  std::atomic<int> made_{0};
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
};

TEST_F(ClusterHistoryTest, AReaderThatNobodyServesYetIsWaitedFor) {
  Answer("$JS.API.CONSUMER.CREATE.CHAT_main.>", [] { return Made("s1", 1); });
  absl::StatusOr<HistoryPage> page = absl::UnknownError("not read");
  std::thread reading([&] { page = reader_->ReadPage({.subject = kGeneral}); });
  // Until a pull has been in vain.
  Collector<bool> never;
  never.Await(1, std::chrono::milliseconds(300));
  Serve();
  reading.join();
  EXPECT_THAT(page, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("404")));
}

TEST_F(ClusterHistoryTest, AReaderThatNobodyServesIsGivenUpAndNotTheEnd) {
  reader_ = std::make_unique<HistoryReader>(*connection_, *api_, kChat, "chathist_UA",
                                            std::chrono::milliseconds(300));
  Answer("$JS.API.CONSUMER.CREATE.CHAT_main.>", [] { return Made("s1", 1); });
  EXPECT_THAT(reader_->ReadPage({.subject = kGeneral}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("nobody")));
}

// To a server that has been away there is nothing.
TEST_F(ClusterHistoryTest, NothingIsReadWhereNotAllIsStored) {
  Answer("$JS.API.CONSUMER.CREATE.CHAT_main.>", [this] { return Made(made_++ == 0 ? "s2" : "s1", 0); });
  MW_ASSERT_OK_AND_ASSIGN(const HistoryPage page, reader_->ReadPage({.subject = kGeneral}));
  EXPECT_TRUE(page.end);
  EXPECT_EQ(made_, 2);
}

// With an agent's credential.
class AgentHistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(alice_, mesh_->Provision("alice"));
    api_ = std::make_unique<JetStreamApi>(*alice_.connection, kPatience);
    reader_ = std::make_unique<HistoryReader>(*alice_.connection, *api_, kChat,
                                              ChatHistoryConsumer(alice_.id), kPatience);
  }
  void Post(const std::string& sender, const std::string& channel, const std::string& text) {
    ASSERT_THAT(mesh_->root_api().PublishStored(fmt::format("cotal.main.chat.{}.{}", sender, channel), text,
                                                std::nullopt),
                IsOk());
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent alice_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<HistoryReader> reader_;
};

TEST_F(AgentHistoryTest, ReadsWhatItsCredentialAllows) {
  std::vector<std::string> expected;
  for (int i = 0; i < 600; ++i) {
    expected.push_back(std::to_string(i));
    Post(fmt::format("U{}", i % 3), "general", expected.back());
  }
  Post("U1", "team.a", "inside");
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<HistoryMessage> all, ReadAll(*reader_, kGeneral));
  std::vector<std::string> read;
  for (const HistoryMessage& message : all) read.push_back(message.payload);
  EXPECT_EQ(read, expected);
  EXPECT_THAT(Payloads(*reader_->ReadPage({.subject = "cotal.main.chat.*.team.>"})), ElementsAre("inside"));
  EXPECT_TRUE(HasJsError(mesh_->root_api().GetConsumer(kChat, ChatHistoryConsumer(alice_.id)).status(),
                         JsError::kConsumerNotFound));
}

TEST_F(AgentHistoryTest, AForbiddenChannelIsRefusedAtOnce) {
  Post("U1", "ops", "secret");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(reader_->ReadPage({.subject = "cotal.main.chat.*.ops"}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience / 2);
  EXPECT_THAT(reader_->ReadPage({.subject = "cotal.main.chat.>"}),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(AgentHistoryTest, ALeftoverOfAnotherFilterIsReplaced) {
  Post("U1", "general", "1");
  Post("U1", "team.a", "inside");
  ASSERT_THAT(mesh_->root_api().CreateConsumer(
                  kChat, HistoryConsumerConfig(ChatHistoryConsumer(alice_.id), "cotal.main.chat.*.team.a", 1,
                                               std::nullopt)),
              IsOk());
  EXPECT_THAT(Payloads(*reader_->ReadPage({.subject = kGeneral})), ElementsAre("1"));
}

}  // namespace
}  // namespace meshwarden::history_reader_test
