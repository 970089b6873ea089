// E6: what an endpoint tells of the connection, of peers, and of faults.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e06_events_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class EventsTest : public BothModes {
 protected:
  static bool AwaitPresence(Member& member, PresenceChange type, const std::string& name) {
    return member.presence.AwaitAny(
        [&](const PresenceEvent& event) { return event.type == type && event.presence.card.name == name; });
  }
};
INSTANTIATE_TEST_SUITE_P(, EventsTest, kBothModes, kModeName);

TEST_P(EventsTest, E6_ConnectionTellsOfEachBindAndEachLoss) {
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(space_->broker().port()));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.servers = {proxy->url()};
  options.retry_wait = milliseconds(100);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  ASSERT_THAT(ada->connection.Await(1), ElementsAre(true));
  proxy->Cut();
  ASSERT_THAT(ada->connection.Await(3), ElementsAre(true, false, true));
  // Attempts that fail are not told as losses, one by one.
  proxy->Refuse(true);
  proxy->Cut();
  ASSERT_THAT(ada->connection.Await(4), SizeIs(4));
  ASSERT_TRUE(ada->AwaitError("reconnect"));
  proxy->Refuse(false);
  EXPECT_THAT(ada->connection.Await(5), ElementsAre(true, false, true, false, true));
  EXPECT_TRUE(ada->AwaitError("connection lost"));
}

TEST_P(EventsTest, E6_ConnectedIsTrueBetweenTheEvents) {
  std::unique_ptr<Endpoint> endpoint;
  Collector<bool> agrees;
  EndpointHandlers handlers;
  handlers.on_connection = [&](bool connected) {
    if (connected) agrees.Add(endpoint->connected() && endpoint->Multicast(Text("hello")).ok());
  };
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(endpoint, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(endpoint->Start(), IsOk());
  EXPECT_THAT(agrees.Await(1), ElementsAre(true));
  ASSERT_THAT(endpoint->Reconnect(), IsOk());
  EXPECT_THAT(agrees.Await(2), ElementsAre(true, true));
}

TEST_P(EventsTest, E6_PresenceAndRosterTellOfPeers) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  EXPECT_TRUE(AwaitPresence(*ada, PresenceChange::kJoin, "bob"));
  EXPECT_TRUE(AwaitPresence(*bob, PresenceChange::kJoin, "ada"));
  ASSERT_THAT(bob->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
  EXPECT_TRUE(AwaitPresence(*ada, PresenceChange::kUpdate, "bob"));
  bob->endpoint->Stop();
  EXPECT_TRUE(AwaitPresence(*ada, PresenceChange::kOffline, "bob"));
  EXPECT_TRUE(ada->rosters.AwaitLast([](const std::vector<Presence>& roster) {
    return roster.size() == 2 && roster[0].card.name == "ada" && roster[1].card.name == "bob" &&
           roster[1].status == PresenceStatus::kOffline;
  }));
}

TEST_P(EventsTest, E6_AMessageThatIsRefusedIsReported) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", "no message"), IsOk());
  EXPECT_TRUE(ada->AwaitError("cotal.main.chat.PEER.general"));
}

TEST_P(EventsTest, E6_AHandlerThatIsNotSetIsNotMissed) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, Endpoint::Make(options, {}));
  ASSERT_THAT(ada->Start(), IsOk());
  ASSERT_THAT(space_->Post("general", "x"), IsOk());
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", "no message"), IsOk());
  EXPECT_THAT(ada->Reconnect(), IsOk());
  EXPECT_TRUE(Eventually([&] { return ada->ResolvePeer("ada").ok(); }));
}

class DenialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter("ada"));
  }
  std::unique_ptr<TestSpace> space_;
  std::unique_ptr<Member> ada_;
};

TEST_F(DenialTest, E6_ADeniedTapIsReportedWithOperationAndSubject) {
  Collector<bool> tapped;
  ASSERT_THAT(ada_->endpoint->Tap("inst.>", [&](const Tapped&) { tapped.Add(true); }), IsOk());
  ASSERT_TRUE(ada_->AwaitError("subscribe to \"cotal.main.inst.>\""));
  EXPECT_THAT(ada_->errors.Await(1), Contains(StatusIs(absl::StatusCode::kPermissionDenied)));
  // The endpoint is none the worse for it.
  EXPECT_TRUE(ada_->endpoint->connected());
  EXPECT_THAT(ada_->endpoint->Multicast(Text("x")), IsOk());
  EXPECT_THAT(ada_->endpoint->Unicast(ada_->endpoint->id(), Text("x")), IsOk());
  EXPECT_THAT(tapped.Await(1, milliseconds(200)), SizeIs(0));
}

TEST_F(DenialTest, E6_ADeniedServiceIsReported) {
  ASSERT_THAT(ada_->endpoint->ServeControl("clock", [](const ControlRequest&) { return Json(); }), IsOk());
  EXPECT_TRUE(ada_->AwaitError("subscribe to \"cotal.main.ctl.clock.*\""));
}

TEST_F(DenialTest, E6_ADeniedPublishIsToldToItsCallerAndReported) {
  MW_ASSERT_OK_AND_ASSIGN(const auto narrow, space_->Enter("narrow"));
  const auto sent = narrow->endpoint->Multicast(Text("x"), "ops");
  EXPECT_TRUE(absl::IsPermissionDenied(sent.status())) << sent.status();
  const std::string subject = fmt::format("publish to \"cotal.main.chat.{}.ops\"", narrow->endpoint->id());
  EXPECT_THAT(std::string(sent.status().message()), HasSubstr(subject));
  EXPECT_THAT(narrow->errors.Await(1),
              ElementsAre(StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(subject))));
}

// What an endpoint does by itself with an agent's credential is all allowed.
TEST_F(DenialTest, E6_AnAgentsOrdinaryLifeHasNoDenials) {
  ASSERT_THAT(space_->StartManager(), IsOk());
  ASSERT_THAT(space_->Post("ops", "history"), IsOk());
  ASSERT_THAT(ada_->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_TRUE(ada_->AwaitText("history"));
  ASSERT_THAT(ada_->endpoint->Multicast(Text("x"), "ops"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_THAT(ada_->endpoint->Anycast("reviewer", Text("task")), IsOk());
  ASSERT_THAT(ada_->endpoint->Unicast(bob->endpoint->id(), Text("dm")), IsOk());
  EXPECT_TRUE(bob->AwaitText("task"));
  EXPECT_TRUE(bob->AwaitText("dm"));
  ASSERT_THAT(ada_->endpoint->ChannelHistory("ops", 10), IsOk());
  ASSERT_THAT(ada_->endpoint->RecallChannel("ops", 0), IsOk());
  ASSERT_THAT(ada_->endpoint->ListChannels(), IsOk());
  ASSERT_THAT(ada_->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
  ASSERT_THAT(ada_->endpoint->Reconnect(), IsOk());
  ASSERT_THAT(ada_->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  ada_->endpoint->Stop();
  EXPECT_THAT(ada_->errors.Await(0), SizeIs(0));
  EXPECT_THAT(bob->errors.Await(0), SizeIs(0));
}

}  // namespace
}  // namespace meshwarden::testing::e06_events_test
