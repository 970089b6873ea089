#include "manager/service/queue_keeper.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/fetch.h"
#include "endpoint/space/privileged.h"
#include "proto/subject.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"

namespace meshwarden::queue_keeper_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::BrokerOptions;
using testing::Collector;
using ::testing::Contains;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::TestBroker;

constexpr seconds kTimeout{5};
constexpr std::chrono::hours kNotInThisTest{1};
constexpr char kStream[] = "TASK_main";
constexpr char kQueue[] = "svc_worker";

// One user may do everything, one nothing but listen, and one make any consumer but svc_worker.
constexpr char kThreeUsers[] = R"(
jetstream: enabled
authorization: {
  users: [
    { user: all, password: all },
    { user: none, password: none, permissions: { publish: { deny: [">"] } } }
    { user: some, password: some, permissions: {
        publish: { deny: ["$JS.API.CONSUMER.CREATE.TASK_main.svc_worker.>"] } } }
  ]
}
)";

// Lines of a log, each after its level, for a test to wait for.
class CollectingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CollectingSink(Collector<std::string>& lines) : lines_(lines) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto level = spdlog::level::to_string_view(message.level);
    lines_.Add(fmt::format("{} {}", std::string_view(level.data(), level.size()),
                           std::string_view(message.payload.data(), message.payload.size())));
  }
  void flush_() override {}

  Collector<std::string>& lines_;
};

class QueueKeeperTest : public ::testing::Test {
 protected:
  void Start(const BrokerOptions& options, const std::string& user = "") {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start(options));
    ASSERT_NO_FATAL_FAILURE(Connect(user));
    Privileged privileged(*api_, "main");
    ASSERT_THAT(privileged.CreateSpaceStreams(1), IsOk());
    ASSERT_THAT(privileged.ProvisionTaskQueue("worker"), IsOk());
  }
  void Open(const std::string& user, std::unique_ptr<Connection>& connection) {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.user = user;
    if (!user.empty()) options.password = std::make_shared<const Secret>(Secret::CopyOf(user));
    options.reconnect_wait = milliseconds(50);
    MW_ASSERT_OK_AND_ASSIGN(connection, Connection::Open(std::move(options)));
  }
  void Connect(const std::string& user) {
    api_.reset();
    ASSERT_NO_FATAL_FAILURE(Open(user, connection_));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
  }
  void Post(const std::string& text) {
    ASSERT_THAT(api_->PublishStored(AnycastSubject("main", "worker", "UX"), text, std::nullopt), IsOk());
  }
  // Takes one task and acknowledges it; empty if there is none.
  std::string WorkOne() {
    const auto tasks = Fetch(*connection_, kStream, kQueue, {.max_messages = 1, .wait = milliseconds(200)});
    if (!tasks.ok() || tasks->empty()) return "";
    EXPECT_THAT(Ack(*connection_, tasks->front()), IsOk());
    EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
    return tasks->front().payload;
  }
  void PostAndWork(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_NO_FATAL_FAILURE(Post("early"));
      ASSERT_TRUE(Eventually([this] { return WorkOne() == "early"; }));
    }
    ASSERT_TRUE(Eventually([this] { return Messages() == 0; }));
  }
  // Everything is done; then the broker is restarted with a stream that counts from 1 again.
  void LoseTheCount(const std::string& user = "") {
    ASSERT_NO_FATAL_FAILURE(PostAndWork(3));
    ASSERT_THAT(broker_->RestartForgetting(kStream), IsOk());
    ASSERT_NO_FATAL_FAILURE(Connect(user));
  }
  // Newer ones see to it by themselves.
  bool BrokerLeavesQueuesBehind() const { return connection_->server_version().starts_with("2.10."); }
  // That there is nothing to find.
  void ExpectQueueWithinStream() {
    const absl::StatusOr<ConsumerInfo> durable = api_->GetConsumer(kStream, kQueue);
    const absl::StatusOr<StreamInfo> stream = api_->GetStream(kStream);
    ASSERT_THAT(durable, IsOk());
    ASSERT_THAT(stream, IsOk());
    EXPECT_LE(durable->delivered_stream_seq, stream->last_seq);
  }
  // In the stream; -1 if it does not tell.
  std::int64_t Messages() {
    const absl::StatusOr<StreamInfo> stream = api_->GetStream(kStream);
    return stream.ok() ? static_cast<std::int64_t>(stream->messages) : -1;
  }
  std::string Created() {
    const absl::StatusOr<ConsumerInfo> info = api_->GetConsumer(kStream, kQueue);
    return info.ok() ? info->created : "";
  }
  bool AwaitLine(const std::string& part) {
    return lines_.AwaitAny([&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  // Also what is stored below the durable's place.
  void ExpectTasksCome() {
    Post("late");
    EXPECT_TRUE(Eventually([this] { return WorkOne() == "late"; }));
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  Collector<std::string> lines_;
  Log log_{{.format = LogFormat::kText, .level = LogLevel::kDebug}, std::make_shared<CollectingSink>(lines_)};
  QueueKeeper::Options options_{
      .interval = kNotInThisTest, .confirm_after = milliseconds(100), .retry_after = kNotInThisTest};
};

TEST_F(QueueKeeperTest, WhatWasLeftBehindIsMadeAnewFromTheStart) {
  Start({});
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(*api_);
  ExpectTasksCome();
  keeper.Stop();
  const auto made = Contains(HasSubstr("role queue made anew"));
  if (BrokerLeavesQueuesBehind()) {
    EXPECT_THAT(lines_.Await(0), made);
  } else {
    EXPECT_THAT(lines_.Await(0), Not(made));
  }
}

TEST_F(QueueKeeperTest, WhatIsLeftBehindLaterIsMadeAnewWhenToldToLook) {
  Start({});
  options_.retry_after = milliseconds(50);
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("", connection));
  JetStreamApi api(*connection, kTimeout);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  ASSERT_TRUE(Eventually([&] { return api.GetStream(kStream).ok(); }));
  keeper.LookSoon();
  ExpectTasksCome();
  keeper.Stop();
}

TEST_F(QueueKeeperTest, WhatIsLeftBehindLaterIsMadeAnewAtTheInterval) {
  Start({});
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("", connection));
  JetStreamApi api(*connection, kTimeout);
  options_.interval = milliseconds(50);
  options_.retry_after = milliseconds(50);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  ExpectTasksCome();
  keeper.Stop();
}

TEST_F(QueueKeeperTest, WhatWasPassedOverComesToo) {
  Start({});
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  // The stream counts past the durable's place again before anybody looks.
  for (int i = 1; i <= 5; ++i) ASSERT_NO_FATAL_FAILURE(Post(fmt::format("late {}", i)));
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(*api_);
  std::set<std::string> worked;
  EXPECT_TRUE(Eventually([&] {
    worked.insert(WorkOne());
    return worked.contains("late 1") && worked.contains("late 2") && worked.contains("late 3");
  }));
  keeper.Stop();
}

TEST_F(QueueKeeperTest, WhatWasFoundOnceIsLeftAloneForItsTime) {
  Start({});
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  if (!BrokerLeavesQueuesBehind()) return ExpectQueueWithinStream();
  const std::string created = Created();
  Collector<std::chrono::steady_clock::time_point> looks;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto looking,
      connection_->Subscribe("$JS.API.STREAM.MSG.GET.TASK_main", "",
                             [&](const NatsMessage&) { looks.Add(std::chrono::steady_clock::now()); }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  options_.confirm_after = seconds(2);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(*api_);
  ASSERT_EQ(looks.Await(1).size(), 1U);
  EXPECT_EQ(Created(), created);
  keeper.LookSoon();  // is no reason to hurry
  const auto times = looks.Await(2);
  keeper.Stop();
  ASSERT_EQ(times.size(), 2U);
  // A little less than the time between the two, as each is seen a little after it was sent.
  EXPECT_GE(times[1] - times[0], milliseconds(1500));
  EXPECT_NE(Created(), created);
}

TEST_F(QueueKeeperTest, WhatIsCertainIsMadeAnewThoughItNoLongerShows) {
  Start({});
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  if (!BrokerLeavesQueuesBehind()) return ExpectQueueWithinStream();
  const std::string created = Created();
  Collector<bool> looks;
  MW_ASSERT_OK_AND_ASSIGN(const auto looking,
                          connection_->Subscribe("$JS.API.STREAM.MSG.GET.TASK_main", "",
                                                 [&](const NatsMessage&) { looks.Add(true); }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  options_.confirm_after = milliseconds(1000);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(*api_);
  ASSERT_EQ(looks.Await(1).size(), 1U);
  // Heard is not answered: once this is, so is what was asked before it.
  ASSERT_THAT(connection_->Request("$JS.API.STREAM.MSG.GET.TASK_main", R"({"seq":1})", kTimeout), IsOk());
  // The stream counts past the durable, and has nothing below it.
  for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(Post("gone"));
  ASSERT_THAT(api_->PurgeStream(kStream, std::nullopt), IsOkAndHolds(5U));
  EXPECT_TRUE(AwaitLine("role queue made anew"));
  keeper.Stop();
  EXPECT_NE(Created(), created);
}

TEST_F(QueueKeeperTest, OneThatCannotBeMadeIsToldOfAndHoldsUpNoOther) {
  BrokerOptions options;
  options.config = kThreeUsers;
  Start(options, "all");
  Privileged privileged(*api_, "main");
  ASSERT_THAT(privileged.ProvisionTaskQueue("xylophone"), IsOk());
  ASSERT_THAT(api_->PublishStored(AnycastSubject("main", "xylophone", "UX"), "x", std::nullopt), IsOk());
  const auto task = Fetch(*connection_, kStream, "svc_xylophone", {.max_messages = 1, .wait = kTimeout});
  ASSERT_TRUE(task.ok() && task->size() == 1);
  ASSERT_THAT(Ack(*connection_, task->front()), IsOk());
  ASSERT_NO_FATAL_FAILURE(LoseTheCount("all"));
  if (!BrokerLeavesQueuesBehind()) return ExpectQueueWithinStream();
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("some", connection));
  JetStreamApi api(*connection, kTimeout);
  const auto created = api_->GetConsumer(kStream, "svc_xylophone");
  ASSERT_THAT(created, IsOk());
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  ASSERT_TRUE(AwaitLine("could not be made anew"));
  keeper.Stop();
  const auto after = api_->GetConsumer(kStream, "svc_xylophone");
  ASSERT_THAT(after, IsOk());
  EXPECT_NE(after->created, created->created);
  // Tried once more at the end, so as not to leave it deleted.
  const std::vector<std::string> lines = lines_.Await(0);
  const auto failed = HasSubstr("making the role queue svc_worker again");
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [&](const std::string& line) { return ::testing::Matches(failed)(line); }),
            2);
}

TEST_F(QueueKeeperTest, ABrokerThatIsAwayIsAskedAgain) {
  Start({});
  ASSERT_NO_FATAL_FAILURE(PostAndWork(3));
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("", connection));
  JetStreamApi api(*connection, milliseconds(100));
  ASSERT_THAT(broker_->Stop(), IsOk());
  options_.retry_after = milliseconds(50);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  EXPECT_TRUE(AwaitLine("debug role queues could not be looked at"));
  ASSERT_TRUE(AwaitLine("warning role queues could not be looked at"));  // when it goes on
  ASSERT_THAT(broker_->Continue(), IsOk());
  ASSERT_THAT(broker_->RestartForgetting(kStream), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect(""));
  ExpectTasksCome();
  keeper.Stop();
}

TEST_F(QueueKeeperTest, ASoundQueueIsLeftAloneUnderTraffic) {
  Start({});
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("", connection));
  JetStreamApi api(*connection, kTimeout);
  const std::string created = Created();
  options_.interval = milliseconds(1);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  ASSERT_NO_FATAL_FAILURE(PostAndWork(200));
  keeper.Stop();
  EXPECT_EQ(Created(), created);
  EXPECT_THAT(lines_.Await(0), IsEmpty());
}

TEST_F(QueueKeeperTest, RightsThatAreMissingAreToldOnceAndNotTriedAgain) {
  BrokerOptions options;
  options.config = kThreeUsers;
  Start(options, "all");
  std::unique_ptr<Connection> connection;
  ASSERT_NO_FATAL_FAILURE(Open("none", connection));
  JetStreamApi api(*connection, kTimeout);
  options_.interval = milliseconds(1);
  QueueKeeper keeper("main", log_, options_);
  keeper.Start(api);
  ASSERT_TRUE(AwaitLine("creds mint --profile mover"));
  keeper.LookSoon();
  ASSERT_NO_FATAL_FAILURE(PostAndWork(20));  // time enough to be told again
  keeper.Stop();
  EXPECT_EQ(lines_.Await(0).size(), 1U);
}

TEST_F(QueueKeeperTest, ASpaceWithoutATaskStreamIsNoError) {
  Start({});
  Collector<bool> looks;
  MW_ASSERT_OK_AND_ASSIGN(const auto looking,
                          connection_->Subscribe("$JS.API.CONSUMER.LIST.TASK_nowhere", "",
                                                 [&](const NatsMessage&) { looks.Add(true); }));
  ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  QueueKeeper keeper("nowhere", log_, options_);
  keeper.Start(*api_);
  ASSERT_EQ(looks.Await(1).size(), 1U);  // what was begun is ended
  keeper.Stop();
  EXPECT_THAT(lines_.Await(0), IsEmpty());
}

TEST_F(QueueKeeperTest, OneThatWasNeverStartedEnds) {
  QueueKeeper keeper("main", log_, options_);
  keeper.LookSoon();
  keeper.Stop();
}

}  // namespace
}  // namespace meshwarden::queue_keeper_test
