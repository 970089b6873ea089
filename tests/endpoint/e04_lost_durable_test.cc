// E4, E12: a durable that the broker no longer has while its endpoint is bound to it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e04_lost_durable_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class LostDurableTest : public BothModes {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.retry_wait = milliseconds(300);
  }
  void Enter() {
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_));
    ASSERT_TRUE(bob_->AwaitConnected(true));
    ASSERT_THAT(space_->Post("general", "before"), IsOk());
    ASSERT_TRUE(bob_->AwaitText("before"));
  }
  const std::string& id() const { return options_.card.id; }
  ConsumerConfig ChatConfig() const {
    const std::vector<std::string> channels = {"general"};
    return *ChatDurableConfig("main", id(), channels);
  }
  // In auth mode it takes a launcher; an endpoint in open mode must help itself.
  void ProvisionIfAuth(std::string_view stream, const ConsumerConfig& config) {
    if (GetParam() == Mode::kOpen) return;
    ASSERT_TRUE(bob_->AwaitError("not pre-created"));
    EXPECT_FALSE(bob_->endpoint->connected());
    ASSERT_THAT(space_->root_api().CreateConsumer(stream, config), IsOk());
  }
  void DeleteAndMakeAnew(std::string_view stream, const ConsumerConfig& config) {
    ASSERT_THAT(space_->root_api().DeleteConsumer(stream, config.durable_name), IsOk());
    ASSERT_THAT(space_->Post("general", "between"), IsOk());
    // 2.10 may still be at removing the files of the one that is gone.
    ASSERT_TRUE(Eventually([&] { return space_->root_api().CreateConsumer(stream, config).ok(); }));
  }

  EndpointOptions options_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, LostDurableTest, kBothModes, kModeName);

TEST_P(LostDurableTest, E4_AChatDurableThatIsGoneIsBoundAnew) {
  ASSERT_NO_FATAL_FAILURE(Enter());
  ASSERT_THAT(space_->root_api().DeleteConsumer(ChatStream("main"), ChatDurable(id())), IsOk());
  ASSERT_THAT(space_->Post("general", "meanwhile"), IsOk());
  ASSERT_TRUE(bob_->AwaitError("no longer has the durable chat_"));
  ProvisionIfAuth(ChatStream("main"), ChatConfig());
  ASSERT_TRUE(bob_->connection.AwaitAny([](bool connected) { return !connected; }));
  ASSERT_TRUE(bob_->AwaitConnected(true));
  EXPECT_TRUE(bob_->AwaitText("meanwhile"));
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_TRUE(bob_->AwaitText("after"));
  EXPECT_THAT(space_->FilterOf(id()), IsOkAndHolds(ElementsAre("general")));
}

TEST_P(LostDurableTest, E4_AnInboxThatIsGoneIsBoundAnew) {
  ASSERT_NO_FATAL_FAILURE(Enter());
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(ada->endpoint->Unicast(id(), Text("first")), IsOk());
  ASSERT_TRUE(bob_->AwaitText("first"));
  ASSERT_THAT(space_->root_api().DeleteConsumer(DmStream("main"), DmDurable(id())), IsOk());
  ASSERT_THAT(ada->endpoint->Unicast(id(), Text("meanwhile")), IsOk());
  ProvisionIfAuth(DmStream("main"), DmDurableConfig("main", id()));
  ASSERT_TRUE(bob_->AwaitText("meanwhile"));
  // The new one brings everything again; what was settled is not handed over twice.
  ASSERT_THAT(ada->endpoint->Unicast(id(), Text("after")), IsOk());
  ASSERT_TRUE(bob_->AwaitText("after"));
  EXPECT_THAT(bob_->Texts(5, milliseconds(300)), ElementsAre("before", "first", "meanwhile", "after"));
}

TEST_P(LostDurableTest, E4_ARoleQueueThatIsGoneIsBoundAnew) {
  ASSERT_NO_FATAL_FAILURE(Enter());
  ASSERT_THAT(space_->root_api().DeleteConsumer(TaskStream("main"), TaskDurable("reviewer")), IsOk());
  ProvisionIfAuth(TaskStream("main"), TaskDurableConfig("main", "reviewer"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text("task")), IsOk());
  EXPECT_TRUE(bob_->AwaitText("task"));
}

// Deleted and made again between two looks: it works, but it is not the one that was bound.
TEST_P(LostDurableTest, E4_ADurableThatSomebodyMadeAnewIsBoundAnew) {
  ASSERT_NO_FATAL_FAILURE(Enter());
  ConsumerConfig config = ChatConfig();
  if (GetParam() == Mode::kOpen) {
    config = AsOpenMode(std::move(config), options_.ack_wait, options_.inactive_threshold);
  }
  ASSERT_NO_FATAL_FAILURE(DeleteAndMakeAnew(ChatStream("main"), config));
  // Taken and acknowledged from the new one before anybody notices.
  ASSERT_THAT(space_->Post("general", "at once"), IsOk());
  ASSERT_TRUE(bob_->AwaitError("no longer has the durable chat_"));
  ASSERT_TRUE(bob_->connection.AwaitAny([](bool connected) { return !connected; }));
  ASSERT_TRUE(bob_->AwaitConnected(true));
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_TRUE(bob_->AwaitText("after"));
  EXPECT_THAT(bob_->Texts(5, milliseconds(300)),
              UnorderedElementsAre("before", "between", "at once", "after"));
}

// Nothing is asked for while a task is being handled, so that no refusal tells of it.
TEST_P(LostDurableTest, E4_ADurableThatWasMadeAnewUnseenIsBoundAnew) {
  bob_ = std::make_unique<Member>();
  Collector<bool> entered;
  Collector<bool> release;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) {
    entered.Add(true);
    release.Await(1);
    (void)message.settle.Ack();
    bob_->messages.Add(std::move(message));
  };
  handlers.on_error = [&](const absl::Status& status) { bob_->errors.Add(status); };
  MW_ASSERT_OK_AND_ASSIGN(bob_->endpoint, Endpoint::Make(options_, std::move(handlers)));
  ASSERT_THAT(bob_->endpoint->Start(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text("first")), IsOk());
  ASSERT_EQ(entered.Await(1).size(), 1u);
  ASSERT_NO_FATAL_FAILURE(DeleteAndMakeAnew(TaskStream("main"), TaskDurableConfig("main", "reviewer")));
  ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text("second")), IsOk());
  release.Add(true);
  EXPECT_TRUE(bob_->AwaitError("no longer has the durable svc_reviewer"));
  EXPECT_TRUE(bob_->AwaitText("second"));
  bob_->endpoint->Stop();
}

// nats-server 2.10, killed while a stream is empty, can come back with the stream counting from 1 while its
// durables stand where they stood. The manager sees to it that the tasks below come all the same.
TEST(ForgottenCountTest, E4_TasksComeAlthoughTheirStreamCountsFromOneAgain) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  ASSERT_THAT(space->StartManager(), IsOk());
  std::vector<std::unique_ptr<Member>> members;
  for (const char* name : {"bob", "ada"}) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space->OptionsFor(name));
    options.retry_wait = milliseconds(300);
    MW_ASSERT_OK_AND_ASSIGN(members.emplace_back(), space->Enter(options));
  }
  Member& bob = *members.front();
  Member& ada = *members.back();
  for (int i = 0; i < 8; ++i) {
    ASSERT_THAT(ada->Anycast("reviewer", Text(fmt::format("early {}", i))), IsOk());
  }
  ASSERT_TRUE(bob.AwaitText("early 7"));
  const auto emptied = [&] {
    const absl::StatusOr<StreamInfo> stream = space->root_api().GetStream(TaskStream("main"));
    return stream.ok() && stream->messages == 0;
  };
  ASSERT_TRUE(Eventually(emptied));
  ASSERT_THAT(space->broker().RestartForgetting(TaskStream("main")), IsOk());
  const auto post = [&](const std::string& text) {
    return Eventually([&] { return ada->Anycast("reviewer", Text(text)).ok(); });
  };
  for (const char* text : {"late 1", "late 2", "late 3"}) ASSERT_TRUE(post(text)) << text;
  for (const char* text : {"late 1", "late 2", "late 3"}) EXPECT_TRUE(bob.AwaitText(text)) << text;
  // And on beyond where the durable stood.
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(post(fmt::format("after {}", i)));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(bob.AwaitText(fmt::format("after {}", i)));
}

// A pull is refused for many a reason; only a look tells whether the durable is gone.
TEST(RefusedPullTest, E4_ARefusedPullAloneIsNoReasonToBindAnew) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kOpen));
  Collector<std::string> inboxes;
  MW_ASSERT_OK_AND_ASSIGN(const auto pulls,
                          space->root().Subscribe("$JS.API.CONSUMER.MSG.NEXT.CHAT_main.*", "",
                                                  [&](const NatsMessage& pull) { inboxes.Add(pull.reply); }));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space->Enter("bob"));
  ASSERT_EQ(inboxes.Await(1).size(), 1u);
  NatsMessage refusal;
  refusal.subject = inboxes.Await(1).front();
  refusal.headers = {{"Status", "503"}};
  Collector<std::string> looks;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto looking,
      space->root().Subscribe("$JS.API.CONSUMER.INFO.CHAT_main." + ChatDurable(bob->endpoint->id()), "",
                              [&](const NatsMessage& look) { looks.Add(look.subject); }));
  ASSERT_THAT(space->root().Flush(seconds(5)), IsOk());
  const std::size_t before = looks.Await(0).size();
  ASSERT_THAT(space->root().PublishMessage(refusal), IsOk());
  ASSERT_TRUE(bob->AwaitError("does not let messages"));
  EXPECT_GT(looks.Await(before + 1).size(), before);
  // The pull that was thought to be over is asked for again, on the same inbox.
  EXPECT_EQ(inboxes.Await(2), std::vector<std::string>(2, refusal.subject));
  ASSERT_THAT(space->Post("general", "after"), IsOk());
  EXPECT_TRUE(bob->AwaitText("after"));
  EXPECT_THAT(bob->connection.Await(2, milliseconds(100)), ElementsAre(true));
}

}  // namespace
}  // namespace meshwarden::testing::e04_lost_durable_test
