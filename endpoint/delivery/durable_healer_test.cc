// A durable of a real broker of which somebody else gets messages. What an endpoint makes of it is in
// tests/endpoint/threats_healing_test.
#include "endpoint/delivery/durable_healer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"

namespace meshwarden::testing::durable_healer_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using TimePoint = DurableHealer::TimePoint;

class DurableHealerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kPatience);
    ASSERT_NO_FATAL_FAILURE(Ask("STREAM.CREATE.S", R"({"name":"S","subjects":["s"]})"));
    ASSERT_NO_FATAL_FAILURE(Ask("CONSUMER.DURABLE.CREATE.S.D",
                                R"({"stream_name":"S","config":{"durable_name":"D","ack_policy":"explicit",)"
                                R"("ack_wait":60000000000}})"));
    DurableHealer::Options healing;
    healing.stream = "S";
    healing.consumer = "D";
    healing.wake = [this] { ++woken_; };
    healing.on_error = [this](const absl::Status& status) { errors_.Add(status); };
    healer_ = std::make_shared<DurableHealer>(std::move(healing), *connection_, *api_, in_hand_);
  }
  void Ask(const std::string& call, const std::string& body) {
    MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer,
                            connection_->Request("$JS.API." + call, body, kPatience));
    ASSERT_THAT(answer.payload, ::testing::Not(HasSubstr("\"error\"")));
  }
  ConsumerInfo Info() {
    absl::StatusOr<ConsumerInfo> info = api_->GetConsumer("S", "D");
    EXPECT_THAT(info, IsOk());
    return info.ok() ? *std::move(info) : ConsumerInfo{};
  }
  void Store(int count) {
    for (int i = 0; i < count; ++i) ASSERT_THAT(connection_->Request("s", "x", kPatience), IsOk());
  }
  // Somebody pulls one message, and its delivery is returned; meanwhile the healer goes on, or doesn't.
  AckSubject PullWhileHealing() { return Pull(/*healing=*/true); }
  AckSubject Pull(bool healing = false) {
    Collector<std::string> replies;
    const std::string inbox = connection_->NewInbox();
    const auto subscription =
        connection_->Subscribe(inbox, "", [&](const NatsMessage& message) { replies.Add(message.reply); });
    EXPECT_THAT(subscription, IsOk());
    EXPECT_THAT(connection_->PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.D", inbox,
                                            R"({"batch":1,"expires":10000000000})"),
                IsOk());
    if (healing) {
      EXPECT_TRUE(HealUntil([&] { return !replies.Await(0).empty(); }));
    }
    const std::vector<std::string> got = replies.Await(1);
    const auto delivery = got.empty() ? std::nullopt : ParseAckSubject(got.front());
    EXPECT_TRUE(delivery.has_value());
    return delivery.value_or(AckSubject{});
  }
  // It is ours.
  void Come(const AckSubject& delivery) {
    in_hand_->Take(delivery.stream_seq, std::chrono::steady_clock::now());
    healer_->Came(delivery);
  }
  void Ack(const AckSubject& delivery) {
    ASSERT_THAT(connection_->Publish(fmt::format("$JS.ACK.S.D.{}.{}.{}.{}.0", delivery.delivered,
                                                 delivery.stream_seq, delivery.consumer_seq, delivery.time),
                                     "+ACK"),
                IsOk());
    in_hand_->Drop(delivery.stream_seq);
  }
  bool idle() const { return healer_->next_due() == TimePoint::max(); }
  // As a session does.
  bool HealUntil(const std::function<bool()>& condition) {
    return Eventually([&] {
      healer_->Check(std::chrono::steady_clock::now());
      return condition();
    });
  }

  // Until it has given back something.
  void GiveBack() {
    ASSERT_TRUE(HealUntil([&] { return errors_.Await(0).size() == 1; }));
    healer_->Check(std::chrono::steady_clock::now());
    ASSERT_THAT(connection_->Flush(kPatience), IsOk());
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  const std::shared_ptr<InHand> in_hand_ = std::make_shared<InHand>();
  Collector<absl::Status> errors_;
  std::atomic<int> woken_{0};
  std::shared_ptr<DurableHealer> healer_;
};

TEST_F(DurableHealerTest, WhatComesInOrderIsNoSuspicion) {
  ASSERT_NO_FATAL_FAILURE(Store(2));
  healer_->Begin(Info());
  Come(Pull());
  Come(Pull());
  healer_->Told(2, 2);
  EXPECT_TRUE(idle());
  EXPECT_EQ(woken_, 0);
}

TEST_F(DurableHealerTest, WhatAHeartbeatTellsOfAndDidNotComeIsGivenBack) {
  ASSERT_NO_FATAL_FAILURE(Store(2));
  healer_->Begin(Info());
  Come(Pull());
  EXPECT_EQ(Pull().stream_seq, 2u);  // not ours
  healer_->Told(2, 2);
  EXPECT_EQ(woken_, 1);
  // The next pull gets it again, which would otherwise be after a minute.
  ASSERT_NO_FATAL_FAILURE(GiveBack());
  const AckSubject again = Pull();
  EXPECT_EQ(again.stream_seq, 2u);
  EXPECT_GT(again.delivered, 1u);
  EXPECT_THAT(errors_.Await(1).front(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("1 messages of the durable D")));
  Come(again);
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
}

TEST_F(DurableHealerTest, WhatIsLeftOutOfTheCountIsGivenBackAndNothingElse) {
  ASSERT_NO_FATAL_FAILURE(Store(4));
  healer_->Begin(Info());
  const AckSubject first = Pull();
  Come(first);
  EXPECT_EQ(Pull().stream_seq, 2u);  // not ours
  Come(Pull());
  EXPECT_EQ(woken_, 1);
  ASSERT_NO_FATAL_FAILURE(Ack(first));
  ASSERT_TRUE(Eventually([&] { return Info().num_ack_pending == 2; }));
  ASSERT_NO_FATAL_FAILURE(GiveBack());
  const AckSubject again = Pull();
  EXPECT_EQ(again.stream_seq, 2u);
  Come(again);
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
  // Neither what is acknowledged nor what is in hand.
  EXPECT_EQ(Pull().stream_seq, 4u);
  EXPECT_EQ(Info().num_ack_pending, 3u);
}

// A connection was lost, or a process: no news.
TEST_F(DurableHealerTest, WhatIsMissingAtTheBeginningIsGivenBackWithoutAWord) {
  ASSERT_NO_FATAL_FAILURE(Store(2));
  EXPECT_EQ(Pull().stream_seq, 1u);
  in_hand_->Take(Pull().stream_seq, std::chrono::steady_clock::now());
  healer_->Begin(Info());
  EXPECT_FALSE(idle());
  healer_->Check(std::chrono::steady_clock::now());
  const AckSubject again = Pull();
  EXPECT_EQ(again.stream_seq, 1u);
  Come(again);
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
  EXPECT_THAT(errors_.Await(0), IsEmpty());
}

TEST_F(DurableHealerTest, WhatIsInHandAtTheBeginningIsNoSuspicion) {
  ASSERT_NO_FATAL_FAILURE(Store(1));
  in_hand_->Take(Pull().stream_seq, std::chrono::steady_clock::now());
  healer_->Begin(Info());
  EXPECT_TRUE(idle());
}

// It was acknowledged by whoever got it; nothing of that is missing.
TEST_F(DurableHealerTest, WhatSomebodyElseHasSettledIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Store(2));
  healer_->Begin(Info());
  ASSERT_NO_FATAL_FAILURE(Ack(Pull()));
  ASSERT_TRUE(Eventually([&] { return Info().num_ack_pending == 0; }));
  Come(Pull());
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
  EXPECT_THAT(errors_.Await(0), IsEmpty());
  EXPECT_EQ(Info().num_ack_pending, 1u);
}

TEST_F(DurableHealerTest, EndsWithADurableThatIsGone) {
  ASSERT_NO_FATAL_FAILURE(Store(1));
  healer_->Begin(Info());
  EXPECT_EQ(Pull().stream_seq, 1u);
  ASSERT_THAT(api_->DeleteConsumer("S", "D"), IsOk());
  healer_->Told(1, 1);
  EXPECT_FALSE(idle());
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
}

// The number that is left out belongs to a later message than the one that came.
TEST_F(DurableHealerTest, WhatGoesAstrayWhileAnotherIsHealedIsGivenBackToo) {
  ASSERT_NO_FATAL_FAILURE(Store(2));
  healer_->Begin(Info());
  AckSubject first = Pull();
  Come(first);
  EXPECT_EQ(Pull().stream_seq, 2u);  // not ours
  // As if it had been given back and come again, after that.
  first.delivered = 2;
  first.consumer_seq = 3;
  healer_->Came(first);
  ASSERT_NO_FATAL_FAILURE(Ack(first));
  ASSERT_TRUE(Eventually([&] { return Info().num_ack_pending == 1; }));
  EXPECT_EQ(PullWhileHealing().stream_seq, 2u);
}

// The broker counts a durable's deliveries anew after it was moved.
TEST_F(DurableHealerTest, ACountThatBeginsAnewIsASuspicion) {
  ASSERT_NO_FATAL_FAILURE(Store(1));
  ConsumerInfo before = Info();
  before.delivered_consumer_seq = 1000;
  healer_->Begin(before);
  EXPECT_EQ(Pull().stream_seq, 1u);  // not ours
  healer_->Told(1, 1);
  EXPECT_EQ(woken_, 1);
  ASSERT_NO_FATAL_FAILURE(GiveBack());
  EXPECT_EQ(Pull().stream_seq, 1u);
}

// Of others' messages lie many between.
TEST_F(DurableHealerTest, TheLatestOfALongStreamIsGivenBackFirst) {
  constexpr int kOthers = 3000;
  ASSERT_NO_FATAL_FAILURE(Ask("STREAM.UPDATE.S", R"({"name":"S","subjects":["s","others"]})"));
  ASSERT_NO_FATAL_FAILURE(Ask("CONSUMER.DURABLE.CREATE.S.D",
                              R"({"stream_name":"S","config":{"durable_name":"D","ack_policy":"explicit",)"
                              R"("ack_wait":60000000000,"filter_subject":"s"}})"));
  for (int i = 0; i < kOthers; ++i) ASSERT_THAT(connection_->PublishSoon("others", "x"), IsOk());
  ASSERT_NO_FATAL_FAILURE(Store(1));
  healer_->Begin(Info());
  EXPECT_EQ(Pull().stream_seq, kOthers + 1u);
  healer_->Told(1, kOthers + 1);
  ASSERT_NO_FATAL_FAILURE(GiveBack());
  EXPECT_EQ(Pull().stream_seq, kOthers + 1u);
}

// Of more messages than are given back at a time, each comes.
TEST_F(DurableHealerTest, MuchIsGivenBackByAndBy) {
  constexpr int kCount = 100;
  ASSERT_NO_FATAL_FAILURE(Store(kCount));
  healer_->Begin(Info());
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(Pull().stream_seq, static_cast<std::uint64_t>(i + 1));
  healer_->Told(kCount, kCount);
  std::set<std::uint64_t> seqs;
  ASSERT_NO_FATAL_FAILURE(GiveBack());
  ASSERT_TRUE(HealUntil([&] {
    const AckSubject delivery = Pull();
    Come(delivery);
    seqs.insert(delivery.stream_seq);
    return seqs.size() == kCount;
  }));
  EXPECT_TRUE(HealUntil([&] { return idle(); }));
}

}  // namespace
}  // namespace meshwarden::testing::durable_healer_test
