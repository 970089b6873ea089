#include "endpoint/space/kept_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::kept_answers_test {
namespace {

using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::TestBroker;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr KeptAnswers::TimePoint kStart{seconds(1000)};

class KeptAnswersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
  }
  void Keep(KeptAnswers& answers, const std::string& payload, milliseconds ends_after,
            KeptAnswers::TimePoint now = kStart) {
    answers.Keep({.subject = "inbox", .payload = payload, .ends = now + ends_after}, now);
  }
  // What is sent again after `passed`.
  std::vector<std::string> SentAgain(KeptAnswers& answers, milliseconds passed) {
    Collector<std::string> came;
    const auto tap = connection_->Subscribe("inbox", "", [&](NatsMessage m) { came.Add(m.payload); });
    answers.SendAgain(*connection_, kStart + passed);
    EXPECT_THAT(connection_->Publish("inbox", "the last"), IsOk());
    EXPECT_TRUE(came.AwaitAny([](const std::string& payload) { return payload == "the last"; }));
    std::vector<std::string> all = came.Await(1);
    all.pop_back();
    return all;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(KeptAnswersTest, WhatSomebodyMayStillWaitForIsSentAgainInOrder) {
  KeptAnswers answers({});
  Keep(answers, "a", seconds(5));
  Keep(answers, "over", seconds(1));
  Keep(answers, "b", seconds(5));
  EXPECT_THAT(SentAgain(answers, seconds(2)), ElementsAre("a", "b"));
  // The connection may be lost once more.
  EXPECT_THAT(SentAgain(answers, seconds(3)), ElementsAre("a", "b"));
  EXPECT_THAT(SentAgain(answers, seconds(5)), IsEmpty());
}

TEST_F(KeptAnswersTest, NothingIsKeptForLongerThanALossGoesUnnoticed) {
  KeptAnswers answers({.keep = seconds(10)});
  Keep(answers, "a", seconds(60));
  EXPECT_THAT(SentAgain(answers, milliseconds(9'999)), ElementsAre("a"));
  EXPECT_THAT(SentAgain(answers, seconds(10)), IsEmpty());
}

TEST_F(KeptAnswersTest, TheOldestMakesRoom) {
  KeptAnswers few({.max_answers = 2});
  for (const char* payload : {"a", "b", "c"}) Keep(few, payload, seconds(5));
  EXPECT_THAT(SentAgain(few, seconds(0)), ElementsAre("b", "c"));

  KeptAnswers small({.max_bytes = 30});
  for (const char* payload : {"0123456789", "abcdefghij"}) Keep(small, payload, seconds(5));  // 15 bytes each
  EXPECT_THAT(SentAgain(small, seconds(0)), ElementsAre("0123456789", "abcdefghij"));
  Keep(small, "x", seconds(5));
  EXPECT_THAT(SentAgain(small, seconds(0)), ElementsAre("abcdefghij", "x"));
  Keep(small, std::string(26, 'z'), seconds(5));  // larger than all
  EXPECT_THAT(SentAgain(small, seconds(0)), ElementsAre("abcdefghij", "x"));
}

TEST_F(KeptAnswersTest, WhatIsOverMakesRoomFirst) {
  KeptAnswers answers({.max_bytes = 30});
  Keep(answers, "0123456789", seconds(1));
  Keep(answers, "abcdefghij", seconds(5));
  Keep(answers, "ABCDEFGHIJ", seconds(5), kStart + seconds(2));
  EXPECT_THAT(SentAgain(answers, seconds(2)), ElementsAre("abcdefghij", "ABCDEFGHIJ"));
}

}  // namespace
}  // namespace meshwarden::kept_answers_test
