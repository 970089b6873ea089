// E12: what the first bind of a durable owes, and what a later one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e12_binding_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BindingTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    // In open mode somebody must have made the streams before anything is stored in them.
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
    options.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(sender_, space_->Enter(std::move(options)));
  }
  // Options of a member with `channels`, provisioned so in auth mode.
  absl::StatusOr<EndpointOptions> Configured(const std::vector<std::string>& channels) {
    MW_ASSIGN_OR_RETURN(EndpointOptions options, space_->OptionsFor("bob"));
    options.channels = channels;
    if (GetParam() == Mode::kAuth) MW_RETURN_IF_ERROR(SetFilter(options.card.id, channels));
    return options;
  }
  absl::Status SetFilter(const std::string& id, const std::vector<std::string>& channels) {
    return Privileged(space_->root_api(), "main").SetChatFilterFor(id, channels);
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(sender_->endpoint->Multicast(Text(text), channel), IsOk());
  }
  static std::vector<bool> Historical(Member& member) {
    std::vector<bool> historical;
    for (const ReceivedMessage& m : member.messages.Await(0)) historical.push_back(m.historical);
    return historical;
  }

  std::unique_ptr<Member> sender_;
};
INSTANTIATE_TEST_SUITE_P(, BindingTest, kBothModes, kModeName);

TEST_P(BindingTest, E12_TheFirstBindHandsOverTheHistoryOfEachChannelInOrderThenWhatComes) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, Configured({"ops", "general"}));
  Send("general", "g1");
  Send("ops", "o1");
  Send("general", "g2");
  Send("ops", "o2");
  Send("quiet", "not joined");
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  ASSERT_THAT(bob->Texts(4), ElementsAre("o1", "o2", "g1", "g2"));
  Send("general", "g3");
  Send("ops", "o3");
  EXPECT_THAT(bob->Texts(6), ElementsAre("o1", "o2", "g1", "g2", "g3", "o3"));
  EXPECT_THAT(Historical(*bob), ElementsAre(true, true, true, true, false, false));
  EXPECT_THAT(bob->errors.Await(0), IsEmpty());
}

// Of one channel or of all, it keeps nobody out: what is live comes, and the history once it can be read.
TEST_P(BindingTest, E12_ARecordOfTheRegistryThatCannotBeReadOnlyHoldsUpTheHistory) {
  const std::string waits = "the history of channel \"general\" has to wait";
  const std::string bucket = ChannelBucket("main");
  for (const std::string key : {"general", "=defaults"}) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, Configured({"general"}));
    options.retry_wait = std::chrono::milliseconds(100);
    Send("general", "history");
    ASSERT_THAT(space_->root_api().PutKey(bucket, key, R"({"replayWindow":"1w"})"), IsOk());
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
    Collector<bool> tries;
    MW_ASSERT_OK_AND_ASSIGN(const auto spy,
                            space_->root().Subscribe("$JS.API.STREAM.MSG.GET.KV_" + bucket, "",
                                                     [&](const NatsMessage&) { tries.Add(true); }));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    EXPECT_TRUE(bob->AwaitError(waits)) << key;
    // It is looked at again and again, and told of once.
    EXPECT_GE(tries.Await(6).size(), 6u);
    int told = 0;
    for (const absl::Status& error : bob->errors.Await(0))
      told += MessageOf(error).find(waits) != std::string::npos ? 1 : 0;
    EXPECT_EQ(told, 1) << key;
    Send("general", "live");
    EXPECT_TRUE(bob->AwaitText("live")) << key;
    EXPECT_FALSE(bob->AwaitText("history", std::chrono::milliseconds(0))) << key;
    ASSERT_THAT(space_->root_api().PutKey(bucket, key, "{}"), IsOk());
    EXPECT_TRUE(bob->AwaitText("history")) << key;
    ASSERT_THAT(Privileged(space_->root_api(), "main").ClearHistory(), IsOk());
  }
}

// A process that dies while it handles the history then owes all of it again.
TEST_P(BindingTest, E12_NothingIsPulledBeforeTheHistoryHasBeenHandled) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, Configured({"general"}));
  Send("general", "history");
  Collector<bool> release;
  Member member;
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& message) {
    member.messages.Add(message);
    release.Await(1);
    (void)message.settle.Ack();
  };
  MW_ASSERT_OK_AND_ASSIGN(member.endpoint, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(member.endpoint->Start(), IsOk());
  ASSERT_TRUE(member.AwaitText("history"));
  Send("general", "live");
  const auto has_delivered = [&] {
    const auto info = space_->root_api().GetConsumer("CHAT_main", ChatDurable(options.card.id));
    return info.ok() && info->delivered_consumer_seq > 0;
  };
  EXPECT_FALSE(Eventually(has_delivered, std::chrono::milliseconds(500)));
  release.Add(true);
  EXPECT_THAT(member.Texts(2), ElementsAre("history", "live"));
  EXPECT_TRUE(has_delivered());
}

TEST_P(BindingTest, E12_ALaterProcessGoesOnWithoutHistory) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, Configured({"general"}));
  Send("general", "old");
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
    ASSERT_THAT(bob->Texts(1), ElementsAre("old"));
    Send("general", "live");
    ASSERT_THAT(bob->Texts(2), ElementsAre("old", "live"));
  }
  Send("general", "missed");
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  Send("general", "new");
  EXPECT_THAT(bob->Texts(2), ElementsAre("missed", "new"));
  EXPECT_THAT(Historical(*bob), ElementsAre(false, false));
}

TEST_P(BindingTest, E12_ALaterProcessReadsTheHistoryOfChannelsItGainedOnly) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, Configured({"general"}));
  Send("general", "g1");
  Send("ops", "o1");
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
    Send("general", "g2");
    ASSERT_THAT(bob->Texts(2), ElementsAre("g1", "g2"));
  }
  options.channels = {"general", "ops"};
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  ASSERT_THAT(bob->Texts(1), ElementsAre("o1"));
  EXPECT_THAT(Historical(*bob), ElementsAre(true));
  if (GetParam() == Mode::kAuth) {
    // Its filter is not the agent's to move: it says so, and a join puts it right.
    EXPECT_TRUE(bob->AwaitError("nothing arrives live from ops"));
    EXPECT_THAT(*space_->FilterOf(options.card.id), ElementsAre("general"));
    MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob->endpoint->JoinChannel("ops"));
    EXPECT_TRUE(joined.joined);
  }
  EXPECT_THAT(*space_->FilterOf(options.card.id), ElementsAre("general", "ops"));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  Send("ops", "o2");
  EXPECT_THAT(bob->Texts(2), ElementsAre("o1", "o2"));
  EXPECT_THAT(Historical(*bob), ElementsAre(true, false));
}

TEST_P(BindingTest, E12_OnlyOpenModeMovesTheFilterToTheConfiguration) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, Configured({"general", "ops"}));
  { MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options)); }
  options.channels = {"general"};
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  if (GetParam() == Mode::kOpen) {
    EXPECT_THAT(*space_->FilterOf(options.card.id), ElementsAre("general"));
  } else {
    EXPECT_THAT(*space_->FilterOf(options.card.id), ElementsAre("general", "ops"));
  }
  // Either way only what is joined is handed over.
  Send("ops", "unwanted");
  Send("general", "wanted");
  EXPECT_THAT(bob->Texts(1), ElementsAre("wanted"));
}

// What is published while the history is read comes once.
TEST_P(BindingTest, E12_NothingIsLostOrDoubledBetweenHistoryAndLive) {
  constexpr int kEach = 300;
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, Configured({"general"}));
  std::vector<std::string> expected;
  for (int i = 0; i < 2 * kEach; ++i) expected.push_back(fmt::format("{}", i));
  for (int i = 0; i < kEach; ++i) Send("general", expected[static_cast<std::size_t>(i)]);
  std::thread publisher([&] {
    for (int i = kEach; i < 2 * kEach; ++i) Send("general", expected[static_cast<std::size_t>(i)]);
  });
  const auto bob = space_->Enter(options);
  publisher.join();
  ASSERT_THAT(bob, IsOk());
  EXPECT_EQ((*bob)->Texts(expected.size()), expected);
}

ChannelConfig NoReplay() {
  ChannelConfig config;
  config.replay = false;
  return config;
}

// A manager has made it anew while the agent was away. Whoever starts then is no newcomer, to whom the replay
// policy would apply.
TEST(MadeAnewTest, E12_ADurableThatWasMadeAnewGoesOnWhereTheOtherWas) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space->OptionsFor("bob"));
  const std::string durable = ChatDurable(options.card.id);
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space->Enter(options));
    ASSERT_THAT(space->Post("general", "settled"), IsOk());
    ASSERT_TRUE(bob->AwaitText("settled"));
  }
  ASSERT_THAT(Privileged(space->root_api(), "main").SetChannelConfig("general", NoReplay()), IsOk());
  ASSERT_THAT(space->Post("general", "missed"), IsOk());
  ASSERT_TRUE(Eventually(
      [&] { return space->root_api().GetConsumer("CHAT_main", durable)->ack_floor_stream_seq == 1; }));
  ASSERT_THAT(space->root_api().DeleteConsumer("CHAT_main", durable), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(ConsumerConfig config,
                          ChatDurableConfig("main", options.card.id, std::vector<std::string>{"general"}));
  config = BeginningAt(std::move(config), {.seq = 2, .time = {}});
  ASSERT_THAT(space->root_api().CreateConsumer("CHAT_main", config), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space->Enter(options));
  ASSERT_THAT(space->Post("general", "new"), IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("missed", "new"));
}

}  // namespace
}  // namespace meshwarden::testing::e12_binding_test
