// E13, E14: a move that was given up with its connection reaches the broker, or the manager, all the same:
// long after the endpoint has said something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e14_late_moves_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Channels = std::vector<std::string>;

class LateMoveTest : public BothModes {
 protected:
  // The endpoint looks at its filter after eight of them.
  explicit LateMoveTest(milliseconds heartbeat = milliseconds(100)) : heartbeat_(heartbeat) {}
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(space_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    options.servers = {proxy_->url()};
    options.retry_wait = milliseconds(100);
    options.heartbeat = heartbeat_;
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
  }
  Channels Filter() { return space_->FilterOf(bob_->endpoint->id()).value_or(Channels{}); }
  // Moves, by a call that asks for it on one connection in vain and then on another, while what the first one
  // has asked for is still on its way.
  void MoveTwice(const std::function<absl::Status()>& call) {
    proxy_->StrandFrom(GetParam() == Mode::kOpen ? "CREATE.CHAT_main.chat_" : "setChannels");
    std::thread mover([&] { EXPECT_THAT(call(), IsOk()); });
    EXPECT_THAT(proxy_->AwaitStranded(kPatience), IsOk());
    EXPECT_THAT(bob_->endpoint->Reconnect(), IsOk());
    mover.join();
  }
  absl::Status Join(const std::string& channel) { return bob_->endpoint->JoinChannel(channel).status(); }
  absl::Status Leave(const std::string& channel) { return bob_->endpoint->LeaveChannel(channel).status(); }
  // What was on its way arrives, and has its effect: perhaps not for long.
  void LetArrive(const Channels& filter) {
    proxy_->ReleaseStranded();
    // Nor does the connection that is gone take messages any more.
    EXPECT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
    EXPECT_TRUE(Eventually([&] {
      return Filter() == filter || bob_->AwaitError("a request that arrived late", milliseconds(0));
    }));
  }
  // Has a leave of "ops" be late, and joins it again.
  void JoinBeforeALateLeave() {
    ASSERT_THAT(Join("ops"), IsOk());
    ASSERT_NO_FATAL_FAILURE(MoveTwice([&] { return Leave("ops"); }));
    ASSERT_THAT(Join("ops"), IsOk());
  }

  const milliseconds heartbeat_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, LateMoveTest, kBothModes, kModeName);

TEST_P(LateMoveTest, E14_ALeaveThatArrivesAfterTheNextJoinDoesNotDeafen) {
  ASSERT_NO_FATAL_FAILURE(JoinBeforeALateLeave());
  ASSERT_NO_FATAL_FAILURE(LetArrive({"general"}));
  ASSERT_THAT(space_->Post("ops", "missed"), IsOk());
  // What is settled later says nothing of that.
  ASSERT_THAT(space_->Post("general", "later"), IsOk());
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "ops"}); }));
  EXPECT_TRUE(bob_->AwaitText("missed"));
  ASSERT_THAT(space_->Post("ops", "live"), IsOk());
  EXPECT_THAT(bob_->Texts(3), UnorderedElementsAre("missed", "later", "live"));
}

// The late one says all that was joined when it was asked for.
TEST_P(LateMoveTest, E14_ALeaveThatArrivesAfterTheNextLeaveOpensNothing) {
  ASSERT_THAT(Join("ops"), IsOk());
  ASSERT_THAT(Join("quiet"), IsOk());
  ASSERT_NO_FATAL_FAILURE(MoveTwice([&] { return Leave("quiet"); }));
  ASSERT_THAT(Leave("ops"), IsOk());
  ASSERT_NO_FATAL_FAILURE(LetArrive({"general", "ops"}));
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general"}); }));
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
}

class LateMoveBetweenLooksTest : public LateMoveTest {
 protected:
  LateMoveBetweenLooksTest() : LateMoveTest(std::chrono::seconds(10)) {}
};
INSTANTIATE_TEST_SUITE_P(, LateMoveBetweenLooksTest, kBothModes, kModeName);

// It must not take for a launcher's doing what it finds.
TEST_P(LateMoveBetweenLooksTest, E14_ABindPutsItRight) {
  ASSERT_NO_FATAL_FAILURE(JoinBeforeALateLeave());
  ASSERT_NO_FATAL_FAILURE(LetArrive({"general"}));
  ASSERT_THAT(space_->Post("ops", "missed"), IsOk());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "ops"}); }));
  EXPECT_TRUE(bob_->AwaitText("missed"));
  EXPECT_FALSE(bob_->AwaitError("nothing arrives live", milliseconds(0)));
}

class LateAuthMoveTest : public LateMoveTest {
 protected:
  // The second look from now on comes after what the first has told has been taken.
  void AwaitLooks() {
    Collector<bool> looks;
    MW_ASSERT_OK_AND_ASSIGN(
        const auto spy,
        space_->root().Subscribe("$JS.API.CONSUMER.INFO.CHAT_main." + ChatDurable(bob_->endpoint->id()), "",
                                 [&](const NatsMessage&) { looks.Add(true); }));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    ASSERT_EQ(looks.Await(2).size(), 2u);
  }
  // As if it had carried out the late leave of "ops" at last.
  void LoseTheManager() {
    space_->KillManager();
    proxy_->ReleaseStranded();
    ASSERT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
    ASSERT_THAT(space_->MoveFilterOf(bob_->endpoint->id(), {"general"}), IsOk());
  }
};
INSTANTIATE_TEST_SUITE_P(, LateAuthMoveTest, ::testing::Values(Mode::kAuth), kModeName);

TEST_P(LateAuthMoveTest, E14_WithoutAManagerItIsToldOnceAndPutRightWhenThereIsOne) {
  ASSERT_NO_FATAL_FAILURE(JoinBeforeALateLeave());
  ASSERT_NO_FATAL_FAILURE(LoseTheManager());
  ASSERT_THAT(space_->Post("ops", "missed"), IsOk());
  const auto count = [&] {
    const auto errors = bob_->errors.Await(0);
    return std::count_if(errors.begin(), errors.end(), [](const absl::Status& error) {
      return error.ToString().find("no privileged provisioner") != std::string::npos;
    });
  };
  EXPECT_TRUE(Eventually([&] { return count() == 1; }));
  EXPECT_FALSE(Eventually([&] { return count() > 1; }, milliseconds(2500)));
  ASSERT_THAT(space_->StartManager(), IsOk());
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "ops"}); }));
  EXPECT_TRUE(bob_->AwaitText("missed"));
  // The next time, too.
  ASSERT_NO_FATAL_FAILURE(AwaitLooks());
  ASSERT_NO_FATAL_FAILURE(LoseTheManager());
  EXPECT_TRUE(Eventually([&] { return count() == 2; }));
}

// What came after the endpoint has asked in vain is missed, too.
TEST_P(LateAuthMoveTest, E14_WhatALauncherPutsRightInsteadComesWithAllThatWasMissed) {
  ASSERT_NO_FATAL_FAILURE(JoinBeforeALateLeave());
  ASSERT_NO_FATAL_FAILURE(LoseTheManager());
  ASSERT_TRUE(bob_->AwaitError("no privileged provisioner"));
  ASSERT_THAT(space_->Post("ops", "missed"), IsOk());
  ASSERT_THAT(space_->Post("general", "later"), IsOk());
  ASSERT_TRUE(bob_->AwaitText("later"));
  ASSERT_THAT(space_->MoveFilterOf(bob_->endpoint->id(), {"general", "ops"}), IsOk());
  EXPECT_TRUE(bob_->AwaitText("missed"));
}

}  // namespace
}  // namespace meshwarden::testing::e14_late_moves_test
