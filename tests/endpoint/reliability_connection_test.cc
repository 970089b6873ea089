// What an endpoint owes across lost connections and managers that hang.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::reliability_connection_test {
namespace {

using ::testing::ElementsAre;

class CutTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(GetParam()));
    if (GetParam() == Mode::kAuth) {
      MW_ASSERT_OK_AND_ASSIGN(manager_, space_->mesh().StartManager());
    }
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(space_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions ada, space_->OptionsFor("ada"));
    ada.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(ada)));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    options.servers = {proxy_->url()};
    options.retry_wait = std::chrono::milliseconds(100);
    options.ack_wait = std::chrono::milliseconds(1000);
    options.request_timeout = std::chrono::milliseconds(1000);
    options.publish_timeout = std::chrono::milliseconds(4000);
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
    if (GetParam() == Mode::kOpen) return;
    MW_ASSERT_OK_AND_ASSIGN(ConsumerInfo durable,
                            space_->root_api().GetConsumer("CHAT_main", ChatDurable(bob_->endpoint->id())));
    durable.config.ack_wait = std::chrono::milliseconds(1000);
    ASSERT_THAT(space_->root_api().UpdateConsumer("CHAT_main", durable.config), IsOk());
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(ada_->endpoint->Multicast(Text(text), channel), IsOk());
  }
  std::vector<std::string> Filter() {
    return space_->FilterOf(bob_->endpoint->id()).value_or(std::vector<std::string>{});
  }
  std::uint64_t LastSeq() {
    const auto stream = space_->root_api().GetStream("CHAT_main");
    return stream.ok() ? stream->last_seq : 0;
  }
  void CutOff() {
    proxy_->Cut();
    proxy_->HoldAnswers(false);
  }
  // What is joined, what the broker filters and what arrives are one, once the endpoint is back.
  void ExpectAgreement(const std::string& mark) {
    EXPECT_TRUE(Eventually([&] {
      std::vector<std::string> joined = bob_->endpoint->JoinedChannels();
      std::sort(joined.begin(), joined.end());
      return bob_->endpoint->connected() && joined == Filter();
    })) << mark;
    const std::vector<std::string> joined = bob_->endpoint->JoinedChannels();
    const bool in_ops = std::find(joined.begin(), joined.end(), "ops") != joined.end();
    Send("ops", mark);
    Send("general", "after " + mark);
    EXPECT_TRUE(bob_->AwaitText("after " + mark)) << mark;
    if (in_ops) {
      EXPECT_TRUE(bob_->AwaitText(mark)) << mark;
    } else {
      EXPECT_FALSE(bob_->AwaitText(mark, std::chrono::milliseconds(0))) << mark;
    }
  }

  std::unique_ptr<TestSpace> space_;
  std::unique_ptr<Process> manager_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Member> ada_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, CutTest, kBothModes, kModeName);

TEST_P(CutTest, Reliability_APublishWhoseAckWasLostIsStoredOnceAndReportedStored) {
  const std::uint64_t before = LastSeq();
  proxy_->HoldAnswers(true);
  absl::StatusOr<MeshMessage> sent = absl::UnknownError("not called");
  std::thread sender([&] { sent = bob_->endpoint->Multicast(Text("once")); });
  const bool stored = Eventually([&] { return LastSeq() > before; });
  CutOff();
  sender.join();
  EXPECT_TRUE(stored);
  EXPECT_THAT(sent, IsOk());
  EXPECT_EQ(LastSeq(), before + 1);
}

TEST_P(CutTest, Reliability_MessagesOfABrokenConnectionAreNotLost) {
  std::vector<std::string> expected;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 40; ++i) {
      expected.push_back(fmt::format("{}-{}", round, i));
      Send("general", expected.back());
      if (i == 20) proxy_->Cut();
    }
    ASSERT_TRUE(bob_->AwaitConnected(true));
  }
  ASSERT_EQ(bob_->Texts(expected.size()).size(), expected.size());
  std::vector<std::string> texts = bob_->Texts(0);
  std::sort(texts.begin(), texts.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(texts, expected);
}

// The connection goes at various moments of a join or leave.
TEST_P(CutTest, Reliability_AJoinOrLeaveThatIsCutOffEndsInOneStateEverywhere) {
  for (int round = 0; round < 10; ++round) {
    const bool joining = round % 2 == 0;
    bool ok = false;
    std::thread mover([&] {
      ok = joining ? bob_->endpoint->JoinChannel("ops").ok() : bob_->endpoint->LeaveChannel("ops").ok();
    });
    for (int i = 0; i < round; ++i) ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    proxy_->HoldAnswers(true);
    for (int i = 0; i < 20; ++i) ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    CutOff();
    mover.join();
    ExpectAgreement(fmt::format("round {}", round));
    if (ok) {
      const std::vector<std::string> joined = bob_->endpoint->JoinedChannels();
      EXPECT_EQ(std::find(joined.begin(), joined.end(), "ops") != joined.end(), joining) << round;
    }
  }
}

TEST_P(CutTest, Reliability_AJoinWhoseMoveWasAnsweredIntoTheVoidIsSaidAgain) {
  Send("ops", "history");
  proxy_->HoldAnswers(true);
  absl::StatusOr<JoinResult> joined = absl::UnknownError("not called");
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("ops"); });
  // Several answers are needed: let them through one look at a time, and cut when the filter has moved.
  const bool moved = Eventually([&] {
    proxy_->HoldAnswers(false);
    proxy_->HoldAnswers(true);
    return Filter() == std::vector<std::string>{"general", "ops"};
  });
  CutOff();
  joiner.join();
  EXPECT_TRUE(moved);
  EXPECT_THAT(joined, IsOk());
  ExpectAgreement("after");
  EXPECT_TRUE(bob_->AwaitText("history"));
}

class HungManagerTest : public CutTest {};
INSTANTIATE_TEST_SUITE_P(, HungManagerTest, ::testing::Values(Mode::kAuth), kModeName);

TEST_P(HungManagerTest, Reliability_AJoinIsCarriedOutWhenTheManagerGoesOn) {
  manager_->Signal(SIGSTOP);
  Collector<bool> asked;
  MW_ASSERT_OK_AND_ASSIGN(const auto witness,
                          space_->root().Subscribe(ControlSubject("main", kSelfService, "*"), "",
                                                   [&](const NatsMessage&) { asked.Add(true); }));
  ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
  absl::StatusOr<JoinResult> joined = absl::UnknownError("not called");
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("ops"); });
  EXPECT_FALSE(asked.Await(1).empty());
  proxy_->Cut();
  EXPECT_TRUE(bob_->AwaitConnected(false));
  EXPECT_TRUE(bob_->AwaitConnected(true));
  manager_->Signal(SIGCONT);
  joiner.join();
  EXPECT_THAT(joined, IsOk());
  ExpectAgreement("after");
}

TEST_P(HungManagerTest, Reliability_AJoinThatIsCarriedOutAfterItWasGivenUpShowsOnceBound) {
  manager_->Signal(SIGSTOP);
  const auto joined = bob_->endpoint->JoinChannel("ops");
  EXPECT_EQ(joined.status().code(), absl::StatusCode::kDeadlineExceeded) << joined.status();
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
  manager_->Signal(SIGCONT);
  // A manager of ours drops what waited while it stood still; another, or a broker, may carry it out now.
  ASSERT_THAT(space_->MoveFilterOf(bob_->endpoint->id(), {"general", "ops"}), IsOk());
  Send("ops", "between");
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ExpectAgreement("after");
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  EXPECT_TRUE(bob_->AwaitText("between"));
}

TEST_P(HungManagerTest, Reliability_ALeaveThatIsCarriedOutAfterItWasGivenUpShowsOnceBound) {
  ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  manager_->Signal(SIGSTOP);
  EXPECT_EQ(bob_->endpoint->LeaveChannel("ops").status().code(), absl::StatusCode::kDeadlineExceeded);
  manager_->Signal(SIGCONT);
  ASSERT_THAT(space_->MoveFilterOf(bob_->endpoint->id(), {"general"}), IsOk());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ExpectAgreement("after");
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
}

}  // namespace
}  // namespace meshwarden::testing::reliability_connection_test
