// That `meshwarden agent` hands every message to its driver, whether the driver reads or not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"
#include "tests/support/sanitizer.h"

namespace meshwarden::testing::agent_delivery_test {
namespace {

using ::testing::HasSubstr;

TEST_F(AgentCommandTest, E22_ReadyComesBeforeWhatWaitedForIt) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  for (int i = 0; i < 50; ++i) Post(alice, "general", "before");
  Flush(alice);
  const auto child = Drive(bob);  // checks that the first line is `ready`
  for (int i = 0; i < 50; ++i) ASSERT_THAT(child->AwaitLine(IsEvent("message"), kPatience), IsOk());
}

// A driver that does not read holds the broker up, not the program's memory.
TEST_F(AgentCommandTest, E22_AReaderThatStopsCostsNoMemoryAndLosesNothing) {
  constexpr int kChannels = 25;  // a sender's messages in one channel are kept up to 1000
  constexpr int kEach = 800;
  const TestAgent alice = Provision("alice");
  const TestAgent reader = Provision("reader");
  const auto child = Drive(reader, {"--channels", "team.>"});
  child->PauseReading();
  const std::size_t before = child->ResidentBytes();
  std::set<std::string> missing;
  const std::string text(2048, 'x');
  for (int i = 0; i < kEach; ++i) {
    for (int channel = 0; channel < kChannels; ++channel) {
      missing.insert(Post(alice, fmt::format("team.c{}", channel), text));
    }
    Flush(alice);
  }
  std::size_t most = 0;
  ConsumerInfo info;
  for (int look = 0; look < 500; ++look) {  // each is a round trip to the broker
    info = ChatConsumer(reader);
    most = std::max(most, child->ResidentBytes());
  }
  EXPECT_GT(info.num_pending, 10'000U);
  EXPECT_LT(most, before + MemoryAllowance(30UL << 20));

  child->ResumeReading();
  while (!missing.empty()) {
    MW_ASSERT_OK_AND_ASSIGN(const Json event, child->AwaitLine(IsEvent("message"), kPatience));
    ASSERT_EQ(missing.erase(event.at("message").at("id").get<std::string>()), 1U) << "twice, or never sent";
  }
  AwaitAcknowledged(reader, kChannels * kEach);
  // Nothing comes after: the reply is the next line but for presence.
  Ask(*child, {{"do", "joined"}});
  child->CloseInput();
  ASSERT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  EXPECT_THAT(child->AwaitLine(IsEvent("message"), kPatience), StatusIs(absl::StatusCode::kAborted));
}

class ManualAckTest : public AgentCommandTest {
 protected:
  void SetUp() override {
    AgentCommandTest::SetUp();
    alice_ = Provision("alice");
    bob_ = Provision("bob");
    ShortenAckWait(bob_, {"general"});
  }
  // What the driver of `child` settles the message by.
  static std::string DeliveryOf(AgentChild& child, const std::string& id) {
    const absl::StatusOr<Json> event = child.AwaitLine(IsMessage(id), kPatience);
    EXPECT_THAT(event, IsOk());
    return event.ok() ? event->value("delivery", "") : "";
  }

  TestAgent alice_;
  TestAgent bob_;
};

TEST_F(ManualAckTest, E22_OnlyWhatWasNotAcknowledgedComesAgainAfterACrash) {
  auto child = Drive(bob_, {"--manual-ack"});
  const std::string one = Post(alice_, "general", "one");
  const std::string two = Post(alice_, "general", "two");
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  EXPECT_EQ(DeliveryOf(*child, two), "channel:2");
  Ask(*child, {{"do", "ack"}, {"delivery", "channel:1"}});
  AwaitAcknowledged(bob_, 1);
  child->Signal(SIGKILL);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(128 + SIGKILL));

  child = Drive(bob_, {"--manual-ack"});
  const std::string three = Post(alice_, "general", "three");
  std::map<std::string, int> came;
  while (came[two] == 0 || came[three] == 0) {
    MW_ASSERT_OK_AND_ASSIGN(const Json event, child->AwaitLine(IsEvent("message"), kPatience));
    ++came[event.at("message").at("id").get<std::string>()];
  }
  EXPECT_EQ(came.count(one), 0U);
}

TEST_F(ManualAckTest, E22_ANakBringsItAgainUnderTheSameName) {
  const auto child = Drive(bob_, {"--manual-ack"});
  const std::string one = Post(alice_, "general", "one");
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  Ask(*child, {{"do", "nak"}, {"delivery", "channel:1"}});
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  Ask(*child, {{"do", "ack"}, {"delivery", "channel:1"}});
  AwaitAcknowledged(bob_, 1);
  EXPECT_THAT(AskInVain(*child, {{"do", "ack"}, {"delivery", "channel:1"}}),
              HasSubstr("no such delivery is open: \"channel:1\""));
}

TEST_F(ManualAckTest, E22_HistoryNeedsNoSettling) {
  const std::string old = Post(alice_, "team.a", "old");
  Flush(alice_);
  const auto child = Drive(bob_, {"--manual-ack"});
  Ask(*child, {{"do", "join"}, {"channel", "team.a"}});
  EXPECT_EQ(DeliveryOf(*child, old), "history:1");
  Ask(*child, {{"do", "ack"}, {"delivery", "history:1"}});
  Ask(*child, {{"do", "nak"}, {"delivery", "history:1"}});
}

TEST_F(ManualAckTest, E22_WithoutItAMessageIsDoneOnceWrittenOut) {
  auto child = Drive(bob_);
  const std::string one = Post(alice_, "general", "one");
  ASSERT_THAT(child->AwaitLine(IsMessage(one), kPatience), IsOk());
  AwaitAcknowledged(bob_, 1);
}

}  // namespace
}  // namespace meshwarden::testing::agent_delivery_test
