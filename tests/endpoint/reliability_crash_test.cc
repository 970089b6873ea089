// What an endpoint owes across the death of its process.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/process.h"

namespace meshwarden::testing::reliability_crash_test {
namespace {

using ::testing::ElementsAre;

class CrashTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions ada, space_->OptionsFor("ada"));
    ada.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(sender_, space_->Enter(std::move(ada)));
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.card.role.reset();
    options_.channels = {"general", "ops"};
    options_.ack_wait = std::chrono::seconds(1);
    if (GetParam() == Mode::kAuth) Provision();
  }
  void Provision() {
    const std::string& id = options_.card.id;
    ASSERT_THAT(Privileged(space_->root_api(), "main").SetChatFilterFor(id, *options_.channels), IsOk());
    for (const auto& [stream, durable] :
         {std::pair("CHAT_main", ChatDurable(id)), std::pair("DM_main", DmDurable(id))}) {
      MW_ASSERT_OK_AND_ASSIGN(ConsumerInfo info, space_->root_api().GetConsumer(stream, durable));
      info.config.ack_wait = options_.ack_wait;
      ASSERT_THAT(space_->root_api().UpdateConsumer(stream, info.config), IsOk());
    }
    creds_ = space_->broker().directory() + "/bob.creds";
    ASSERT_THAT(options_.creds->Save(creds_, IfExists::kReplace), IsOk());
  }
  absl::StatusOr<std::unique_ptr<Process>> Launch(int block_at, bool ack) {
    return Process::Start({.argv = {Runfile("tests/endpoint/crashing_agent")},
                           .environment = {{"MW_URL", space_->broker().url()},
                                           {"MW_ID", options_.card.id},
                                           {"MW_CREDS", creds_},
                                           {"MW_BLOCK_AT", fmt::format("{}", block_at)},
                                           {"MW_ACK", ack ? "1" : "0"}}});
  }
  static void KillNow(Process& process) {
    process.Signal(SIGKILL);
    ASSERT_THAT(process.Wait(kPatience), IsOkAndHolds(128 + SIGKILL));
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(sender_->endpoint->Multicast(Text(text), channel), IsOk());
  }

  std::unique_ptr<Member> sender_;
  EndpointOptions options_;
  std::string creds_;
};
INSTANTIATE_TEST_SUITE_P(, CrashTest, kBothModes, kModeName);

TEST_P(CrashTest, Reliability_TheInitialHistoryIsOwedUntilAllOfItWasHandled) {
  constexpr int kEach = 300;
  std::vector<std::string> expected;
  for (const std::string channel : {"general", "ops"}) {
    for (int i = 0; i < kEach; ++i) {
      expected.push_back(fmt::format("{} {}", channel, i));
      Send(channel, expected.back());
    }
  }
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto first, Launch(/*block_at=*/100, /*ack=*/true));
    ASSERT_THAT(first->WaitForOutput("got general 99\n", kPatience), IsOk());
    Send("general", "live while it hung");
    KillNow(*first);
    EXPECT_EQ(first->Output().find("got ops"), std::string::npos);
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto second, space_->Enter(options_));
  Send("general", "live");
  ASSERT_TRUE(second->AwaitText("live"));
  std::vector<std::string> history;
  std::set<std::string> all;
  for (const ReceivedMessage& message : second->messages.Await(0)) {
    EXPECT_TRUE(all.insert(TextOf(message.message)).second) << TextOf(message.message);
    if (message.historical) history.push_back(TextOf(message.message));
  }
  // Stored before the second process came, it is part of the history.
  expected.insert(expected.begin() + kEach, "live while it hung");
  EXPECT_EQ(history, expected);
}

TEST_P(CrashTest, Reliability_WhatWasHandedOutAndNotAckedComesToTheNextProcess) {
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto first, Launch(/*block_at=*/0, /*ack=*/false));
    ASSERT_THAT(first->WaitForOutput("started\n", kPatience), IsOk());
    Send("general", "chat");
    ASSERT_THAT(sender_->endpoint->Unicast(options_.card.id, Text("dm")), IsOk());
    ASSERT_THAT(first->WaitForOutput("got chat\n", kPatience), IsOk());
    ASSERT_THAT(first->WaitForOutput("got dm\n", kPatience), IsOk());
    KillNow(*first);
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto second, space_->Enter(options_));
  EXPECT_THAT(second->Texts(2), ::testing::UnorderedElementsAre("chat", "dm"));
  for (const ReceivedMessage& message : second->messages.Await(2)) EXPECT_FALSE(message.historical);
}

TEST_P(CrashTest, Reliability_WhatWasAckedDoesNotComeAgain) {
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto first, Launch(/*block_at=*/0, /*ack=*/true));
    ASSERT_THAT(first->WaitForOutput("started\n", kPatience), IsOk());
    Send("general", "acked");
    ASSERT_THAT(first->WaitForOutput("got acked\n", kPatience), IsOk());
    const auto acked = [&] {
      const auto info = space_->root_api().GetConsumer("CHAT_main", ChatDurable(options_.card.id));
      return info.ok() && info->ack_floor_stream_seq == info->delivered_stream_seq;
    };
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!acked() && std::chrono::steady_clock::now() < deadline) {
    }
    ASSERT_TRUE(acked());
    KillNow(*first);
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto second, space_->Enter(options_));
  Send("general", "next");
  EXPECT_THAT(second->Texts(1), ElementsAre("next"));
}

}  // namespace
}  // namespace meshwarden::testing::reliability_crash_test
