// E13, E16: joins and histories of which the broker refuses a part. The broker diverts some requests of its
// API to the test, which answers them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e13_troubled_joins_test {
namespace {

using ::testing::ElementsAre;

constexpr char kNoSuchMessage[] =
    R"({"error":{"code":404,"err_code":10037,"description":"no message found"}})";
constexpr char kRefused[] = R"({"error":{"code":400,"err_code":10012,"description":"not now"}})";

class TroubledTest : public ::testing::Test {
 protected:
  // Has the broker send what is published on `from` to `to` instead.
  void Divert(const std::string& from, const std::string& to) {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kOpen));
    ASSERT_THAT(
        space_->broker().SetConfig(fmt::format(
            "jetstream: {{ max_mem: 64M, max_file: 256M }}\nmappings: {{ \"{}\": \"{}\" }}\n", from, to)),
        IsOk());
    ASSERT_THAT(space_->broker().Restart(), IsOk());
    ASSERT_TRUE(Eventually([&] { return space_->root().Flush(kPatience).ok(); }));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions ada, space_->OptionsFor("ada"));
    ada.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(ada)));
  }
  void Enter(const std::vector<std::string>& channels, std::chrono::milliseconds retry_wait) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    options.channels = channels;
    options.retry_wait = retry_wait;
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
  }
  void Answer(const std::string& subject, Connection::Handler handler) {
    MW_ASSERT_OK_AND_ASSIGN(answering_, space_->root().Subscribe(subject, "", std::move(handler)));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
  }
  void Reply(const NatsMessage& request, const std::string& payload) {
    EXPECT_THAT(space_->root().Publish(request.reply, payload), IsOk());
  }
  // To the consumer of that name on the subject that is not diverted; `edit` changes the answer.
  void Forward(const NatsMessage& request, std::function<std::string(std::string)> edit) {
    const std::string consumer = request.subject.substr(request.subject.rfind('.') + 1);
    space_->root().RequestAsync("$JS.API.CONSUMER.CREATE.CHAT_main." + consumer, request.payload, kPatience,
                                [this, request, edit](const absl::StatusOr<NatsMessage>& answer) {
                                  ASSERT_THAT(answer, IsOk());
                                  Reply(request, edit(answer->payload));
                                });
  }
  void Post(const std::string& channel, const std::string& text) {
    ASSERT_THAT(space_->Post(channel, text), IsOk());
  }
  // The channel registry answers nobody while bob joins.
  void JoinWithoutRegistry(std::chrono::milliseconds retry_wait) {
    Divert("$JS.API.STREAM.MSG.GET.*", "test.get.$1");
    Enter({"general"}, retry_wait);
    Post("ops", "history");
    MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob_->endpoint->JoinChannel("ops"));
    EXPECT_TRUE(joined.joined);
    EXPECT_EQ(joined.backfilled, 0u);
    EXPECT_TRUE(joined.history_owed);
    EXPECT_TRUE(bob_->AwaitError("the history of channel \"ops\" has to wait"));
    Answer("test.get.*", [this](const NatsMessage& request) { Reply(request, kNoSuchMessage); });
  }
  void ExpectHistory() {
    EXPECT_TRUE(bob_->AwaitText("history"));
    for (const ReceivedMessage& message : bob_->messages.Await(0)) EXPECT_TRUE(message.historical);
    Post("ops", "live");
    EXPECT_THAT(bob_->Texts(2), ElementsAre("history", "live"));
  }

  std::unique_ptr<TestSpace> space_;
  std::unique_ptr<Member> ada_;
  std::unique_ptr<Member> bob_;
  std::unique_ptr<Subscription> answering_;
};

TEST_F(TroubledTest, E13_AHistoryThatCouldNotBeNotedIsNotedAMomentLater) {
  JoinWithoutRegistry(std::chrono::milliseconds(100));
  ExpectHistory();
}

TEST_F(TroubledTest, E13_AHistoryThatCouldNotBeNotedIsNotedByTheNextBind) {
  JoinWithoutRegistry(std::chrono::hours(1));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ExpectHistory();
}

TEST_F(TroubledTest, E14_AMoveThatIsAnsweredWithTheFilterOfBeforeIsReadBack) {
  Divert("$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.*", "test.update.$1");
  std::atomic<bool> stale{false};
  Answer("test.update.*", [&](const NatsMessage& request) {
    Forward(request, [&](const std::string& answer) {
      if (!stale) return answer;
      Json info = Json::parse(answer);
      info["config"].erase("filter_subject");
      info["config"]["filter_subjects"] = {"cotal.main.chat.*.before"};
      return DumpJson(info);
    });
  });
  Enter({"general"}, std::chrono::milliseconds(100));
  stale = true;
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  EXPECT_THAT(bob_->endpoint->LeaveChannel("general"), IsOkAndHolds(true));
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("ops"));
  EXPECT_THAT(*space_->FilterOf(bob_->endpoint->id()), ElementsAre("ops"));
}

TEST_F(TroubledTest, E16_AChannelWhoseHistoryCantBeReadKeepsNoOtherWaiting) {
  Divert("$JS.API.CONSUMER.CREATE.CHAT_main.*.cotal.main.chat.*.ops", "test.history.$1");
  std::atomic<bool> readable{false};
  Answer("test.history.*", [&](const NatsMessage& request) {
    if (!readable) return Reply(request, kRefused);
    Forward(request, [](std::string answer) { return answer; });
  });
  Post("ops", "in ops");
  Post("general", "in general");
  Enter({"ops", "general"}, std::chrono::milliseconds(100));
  EXPECT_TRUE(bob_->AwaitText("in general"));
  EXPECT_TRUE(bob_->AwaitError("history of channel \"ops\""));
  readable = true;
  EXPECT_TRUE(bob_->AwaitText("in ops"));
}

}  // namespace
}  // namespace meshwarden::testing::e13_troubled_joins_test
