// Pulls from a real broker, among whose words the test mixes some of its own.
#include "endpoint/delivery/pull_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::pull_loop_test {
namespace {

using ::testing::SizeIs;

constexpr std::size_t kWindow = 8;

// A pull as the broker gets it.
struct Pull {
  std::string inbox;
  std::size_t batch = 0;
};

class PullLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    MW_ASSERT_OK_AND_ASSIGN(server_, Connect());
    MW_ASSERT_OK_AND_ASSIGN(client_, Connect());
    ASSERT_NO_FATAL_FAILURE(Ask("STREAM.CREATE.S", R"({"name":"S","subjects":["s"]})"));
    ASSERT_NO_FATAL_FAILURE(
        Ask("CONSUMER.DURABLE.CREATE.S.D",
            R"({"stream_name":"S","config":{"durable_name":"D","ack_policy":"explicit"}})"));
    // Seen here as they pass by.
    MW_ASSERT_OK_AND_ASSIGN(served_, server_->Subscribe("$JS.API.CONSUMER.MSG.NEXT.S.D", "", [this](auto m) {
      const Json body = Json::parse(m.payload, nullptr, /*allow_exceptions=*/false);
      pulls_.Add({.inbox = m.reply, .batch = body.value("batch", std::size_t{0})});
    }));
    ASSERT_THAT(server_->Flush(std::chrono::seconds(5)), IsOk());
    PullLoop::Options options;
    options.stream = "S";
    options.consumer = "D";
    options.window = kWindow;
    options.on_message = [this](NatsMessage, const AckSubject& delivery) {
      if (keep_) backlog_->Add();
      got_.Add(delivery.stream_seq);
      if (hold_) release_.Await(1);
    };
    options.on_error = [this](const absl::Status& status) { errors_.Add(status); };
    MW_ASSERT_OK_AND_ASSIGN(loop_, PullLoop::Start(*client_, std::move(options), backlog_));
    ASSERT_THAT(pulls_.Await(1), SizeIs(1));
  }
  void TearDown() override {
    if (loop_ != nullptr) loop_->Stop();
  }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    return Connection::Open(std::move(options));
  }
  std::string inbox() { return pulls_.Await(1).front().inbox; }
  void Ask(const std::string& call, const std::string& body) {
    MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer,
                            server_->Request("$JS.API." + call, body, std::chrono::seconds(5)));
    ASSERT_THAT(answer.payload, ::testing::Not(::testing::HasSubstr("\"error\"")));
  }
  void Deliver(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_THAT(server_->Request("s", "x", std::chrono::seconds(5)), IsOk());
    }
  }
  // Waits until the broker has sent `count` messages.
  void AwaitDelivered(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::size_t delivered = 0;
    while (delivered < count && std::chrono::steady_clock::now() < deadline) {
      MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer,
                              server_->Request("$JS.API.CONSUMER.INFO.S.D", "", std::chrono::seconds(5)));
      const Json info = Json::parse(answer.payload, nullptr, /*allow_exceptions=*/false);
      delivered = info["delivered"].value("consumer_seq", std::size_t{0});
    }
    ASSERT_EQ(delivered, count);
  }
  void Say(std::string status, std::string description, std::size_t pending) {
    NatsMessage message;
    message.subject = inbox();
    message.headers = {{"Status", std::move(status)},
                       {"Description", std::move(description)},
                       {"Nats-Pending-Messages", std::to_string(pending)}};
    ASSERT_THAT(server_->PublishMessage(message), IsOk());
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> server_;
  std::unique_ptr<Connection> client_;
  Collector<Pull> pulls_;
  Collector<std::uint64_t> got_;
  Collector<absl::Status> errors_;
  const std::shared_ptr<Backlog> backlog_ = std::make_shared<Backlog>();
  std::atomic<bool> keep_{false};
  std::atomic<bool> hold_{false};
  Collector<bool> release_;
  std::unique_ptr<Subscription> served_;
  std::shared_ptr<PullLoop> loop_;
};

TEST_F(PullLoopTest, AsksForMoreBeforeAllHasCome) {
  EXPECT_EQ(pulls_.Await(1).front().batch, kWindow);
  Deliver(kWindow / 2);
  EXPECT_EQ(pulls_.Await(2).back().batch, kWindow / 2);
}

TEST_F(PullLoopTest, AsksForMoreWhenHalfOfTheWindowHasBeenHandled) {
  keep_ = true;
  Deliver(kWindow);
  ASSERT_THAT(got_.Await(kWindow), SizeIs(kWindow));
  for (std::size_t i = 1; i < kWindow / 2; ++i) backlog_->Remove();
  loop_->Refill();
  EXPECT_THAT(pulls_.Await(2, std::chrono::milliseconds(200)), SizeIs(1));
  backlog_->Remove();
  loop_->Refill();
  EXPECT_EQ(pulls_.Await(2).back().batch, kWindow / 2);
}

TEST_F(PullLoopTest, TakesWhatRanOutAsAskedForNoLonger) {
  Deliver(2);
  ASSERT_THAT(got_.Await(2), SizeIs(2));
  Say("408", "Request Timeout", kWindow - 2);
  EXPECT_EQ(pulls_.Await(2).back().batch, kWindow);
}

// A pull with a limit of bytes ends so when it has brought everything. Nobody calls Check here, which would
// get a loop going that has paused.
TEST_F(PullLoopTest, DoesNotPauseWhenAPullIsComplete) {
  Say("409", "Batch Completed", 0);
  Deliver(kWindow / 2);
  EXPECT_EQ(pulls_.Await(2).back().batch, kWindow / 2);
}

TEST_F(PullLoopTest, AsksForOneAfterAPullThatWasRefusedForItsSize) {
  Say("409", "Message Size Exceeds MaxBytes", kWindow);
  ASSERT_TRUE(errors_.Await(0).empty());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (pulls_.Await(0).size() < 2 && std::chrono::steady_clock::now() < deadline) {
    loop_->Check(std::chrono::steady_clock::now());
  }
  EXPECT_EQ(pulls_.Await(2).back().batch, 1u);
}

TEST_F(PullLoopTest, ReportsARefusalThatTellsNothingOfWhatIsLeft) {
  NatsMessage message;
  message.subject = inbox();
  message.headers = {{"Status", "409"}, {"Description", "Consumer Deleted"}};
  ASSERT_THAT(server_->PublishMessage(message), IsOk());
  ASSERT_THAT(errors_.Await(1), SizeIs(1));
  EXPECT_THAT(errors_.Await(1).front(),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("Consumer Deleted")));
}

// The pull that is open at the broker ends with it: what is given back goes to somebody else.
TEST_F(PullLoopTest, LeavesToOthersWhatComesAfterTheEndOfPulling) {
  loop_->EndPulling();
  ASSERT_THAT(client_->Flush(std::chrono::seconds(5)), IsOk());
  ASSERT_NO_FATAL_FAILURE(Deliver(1));
  Collector<std::string> others;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto subscription,
      server_->Subscribe("others", "", [&](const NatsMessage& message) { others.Add(message.payload); }));
  ASSERT_THAT(server_->PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.D", "others", R"({"batch":1})"), IsOk());
  EXPECT_THAT(others.Await(1), ::testing::ElementsAre("x"));
  EXPECT_TRUE(got_.Await(0).empty());
}

// So that it can be given back.
TEST_F(PullLoopTest, HandsOnWhatHadComeBeforeTheEndOfPulling) {
  hold_ = true;
  Deliver(3);
  ASSERT_THAT(got_.Await(1), SizeIs(1));
  // They lie in the client's own queue then.
  ASSERT_NO_FATAL_FAILURE(AwaitDelivered(3));
  ASSERT_THAT(client_->Flush(std::chrono::seconds(5)), IsOk());
  loop_->EndPulling();
  release_.Add(true);
  EXPECT_THAT(got_.Await(3), SizeIs(3));
  loop_->Refill();
  EXPECT_THAT(pulls_.Await(2, std::chrono::milliseconds(200)), SizeIs(1));
}

}  // namespace
}  // namespace meshwarden::testing::pull_loop_test
