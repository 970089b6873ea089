// E2: what Start() does, and how it fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e02_starting_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

class StartingTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, StartingTest, kBothModes, kModeName);

TEST_P(StartingTest, E2_StartMakesPresenceAndBindsDurables) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const std::string id = ada->endpoint->id();
  MW_ASSERT_OK_AND_ASSIGN(const Presence presence, space_->PresenceOf(id));
  EXPECT_EQ(presence.card.name, "ada");
  EXPECT_EQ(presence.status, PresenceStatus::kIdle);
  EXPECT_THAT(space_->root_api().GetConsumer(DmStream("main"), DmDurable(id)), IsOk());
  EXPECT_THAT(space_->root_api().GetConsumer(ChatStream("main"), ChatDurable(id)), IsOk());
  EXPECT_THAT(space_->root_api().GetConsumer(TaskStream("main"), TaskDurable("planner")), IsOk());
  EXPECT_TRUE(ada->endpoint->connected());
  EXPECT_TRUE(ada->AwaitConnected(true));
  EXPECT_TRUE(Eventually([&] { return ada->endpoint->ResolvePeer("ada").ok(); }));
}

TEST_P(StartingTest, E2_HeartbeatsGoOn) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.heartbeat = milliseconds(100);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  MW_ASSERT_OK_AND_ASSIGN(const Presence first, space_->PresenceOf(ada->endpoint->id()));
  EXPECT_TRUE(Eventually([&] {
    const auto now = space_->PresenceOf(ada->endpoint->id());
    return now.ok() && now->ts > first.ts + milliseconds(250);
  }));
}

TEST_P(StartingTest, E2_NoServerIsToldAtOnceAndStartMayBeTriedAgain) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(space_->broker().port()));
  options.servers = {proxy->url()};
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  proxy->Refuse(true);
  const auto begin = steady_clock::now();
  EXPECT_THAT(ada->endpoint->Start(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_LT(steady_clock::now() - begin, seconds(3));
  EXPECT_FALSE(ada->endpoint->connected());
  EXPECT_THAT(ada->endpoint->Multicast(Text("x")),
              StatusIs(absl::StatusCode::kFailedPrecondition, "endpoint not started"));
  proxy->Refuse(false);
  ASSERT_THAT(ada->endpoint->Start(), IsOk());
  EXPECT_THAT(ada->endpoint->Multicast(Text("x")), IsOk());
  EXPECT_TRUE(ada->AwaitConnected(true));
}

TEST_P(StartingTest, E2_AServerThatHangsEndsTheAttemptInTime) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(space_->broker().port()));
  options.servers = {proxy->url()};
  options.connect_timeout = milliseconds(500);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  proxy->Hang(true);
  const auto begin = steady_clock::now();
  EXPECT_THAT(ada->endpoint->Start(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_LT(steady_clock::now() - begin, seconds(5));
  proxy->Hang(false);
  EXPECT_THAT(ada->endpoint->Start(), IsOk());
}

TEST_P(StartingTest, E2_StartTwiceIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  EXPECT_THAT(ada->endpoint->Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("started")));
  EXPECT_TRUE(ada->endpoint->connected());
  ada->endpoint->Stop();
  EXPECT_THAT(ada->endpoint->Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stopped")));
}

// Events that a failed bind had posted are dropped; that must not keep later ones back.
TEST_P(StartingTest, E2_AfterAFailedBindTheRosterIsTold) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("bob"));
  const std::vector<std::string> channels = {"general"};
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig config, ChatDurableConfig("main", options.card.id, channels));
  // Only the last step of the bind fails, after the watch has brought ada's record.
  if (GetParam() == Mode::kOpen) {
    // Its filter can't be moved to the configuration: nobody may change how it is acknowledged.
    const std::vector<std::string> others = {"ops"};
    MW_ASSERT_OK_AND_ASSIGN(ConsumerConfig fixed, ChatDurableConfig("main", options.card.id, others));
    fixed.ack_policy = "none";
    ASSERT_THAT(space_->root_api().CreateConsumer(ChatStream("main"), fixed), IsOk());
  } else {
    ASSERT_THAT(space_->root_api().DeleteConsumer(ChatStream("main"), config.durable_name), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Make(options));
  ASSERT_FALSE(bob->endpoint->Start().ok());
  if (GetParam() == Mode::kOpen) {
    ASSERT_THAT(space_->root_api().DeleteConsumer(ChatStream("main"), config.durable_name), IsOk());
  } else {
    ASSERT_THAT(space_->root_api().CreateConsumer(ChatStream("main"), config), IsOk());
  }
  ASSERT_THAT(bob->endpoint->Start(), IsOk());
  EXPECT_TRUE(bob->rosters.AwaitAny([](const std::vector<Presence>& all) {
    return std::any_of(all.begin(), all.end(), [](const Presence& peer) { return peer.card.name == "ada"; });
  }));
}

// What a first, failed bind has left behind must not be used by the second: taps, services, and what asks the
// broker.
TEST_P(StartingTest, E2_AfterAFailedBindStartWorksWithTapsAndServices) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  if (GetParam() == Mode::kOpen) {
    // A stream of somebody else's is where the channel registry ought to be.
    ASSERT_THAT(space_->Enter("ada"), IsOk());  // makes the streams
    ASSERT_THAT(space_->root().Request("$JS.API.STREAM.DELETE.KV_cotal_channels_main", "", seconds(5)),
                IsOk());
    ASSERT_THAT(
        space_->root().Request("$JS.API.STREAM.CREATE.OTHER",
                               R"({"name":"OTHER","subjects":["$KV.cotal_channels_main.>"]})", seconds(5)),
        IsOk());
  } else {
    ASSERT_THAT(space_->root_api().DeleteConsumer(ChatStream("main"), ChatDurable(options.card.id)), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Make(options));
  Collector<std::string> tapped;
  ASSERT_THAT(bob->endpoint->Tap("chat.*.general", [&](const Tapped& seen) { tapped.Add(seen.subject); }),
              IsOk());
  ASSERT_THAT(bob->endpoint->ServeControl("clock", [](const ControlRequest&) { return Json("noon"); }),
              IsOk());
  for (int i = 0; i < 2; ++i) {
    const auto begin = steady_clock::now();
    const absl::Status failed = bob->endpoint->Start();
    EXPECT_FALSE(failed.ok());
    EXPECT_LT(steady_clock::now() - begin, seconds(3));
    if (GetParam() == Mode::kAuth) {
      EXPECT_THAT(failed, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   HasSubstr("not pre-created — a launcher must call provisionChatDurable")));
    }
  }
  if (GetParam() == Mode::kOpen) {
    ASSERT_THAT(space_->root().Request("$JS.API.STREAM.DELETE.OTHER", "", seconds(5)), IsOk());
  } else {
    const std::vector<std::string> channels = {"general"};
    MW_ASSERT_OK_AND_ASSIGN(const auto config, ChatDurableConfig("main", options.card.id, channels));
    ASSERT_THAT(space_->root_api().CreateConsumer(ChatStream("main"), config), IsOk());
  }
  ASSERT_THAT(bob->endpoint->Start(), IsOk());
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_TRUE(bob->AwaitText("after"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  if (GetParam() == Mode::kOpen) {
    EXPECT_EQ(tapped.Await(1).size(), 1u);
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                            ada->endpoint->RequestControl("clock", "now", Json::object()));
    EXPECT_EQ(reply.data, Json("noon"));
  }
  EXPECT_THAT(ada->endpoint->Unicast(bob->endpoint->id(), Text("psst")), IsOk());
  EXPECT_TRUE(bob->AwaitText("psst"));
}

TEST(OpenStartTest, E2_OpenModeMakesTheSpacesStreams) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kOpen));
  ASSERT_THAT(space->Enter("ada"), IsOk());
  for (const StreamConfig& wanted : SpaceStreams("main", 1)) {
    if (wanted.name == BucketStream(AgentBucket("main"))) continue;
    const auto found = space->root_api().GetStream(wanted.name);
    ASSERT_THAT(found, IsOk()) << wanted.name;
    EXPECT_TRUE(Contains(found->config, wanted.json)) << wanted.name << ": " << found->config;
  }
}

TEST(AuthStartTest, E2_CredsOfAnotherSpaceAreRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto here, TestSpace::Start(Mode::kAuth));
  MW_ASSERT_OK_AND_ASSIGN(const auto elsewhere, TestSpace::Start(Mode::kAuth));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, elsewhere->OptionsFor("ada"));
  options.servers = {here->broker().url()};
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, here->Make(options));
  const auto begin = steady_clock::now();
  const absl::Status refused = ada->endpoint->Start();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_LT(steady_clock::now() - begin, seconds(3));
}

// What the server's monitoring says of its connections, as the system account sees it.
constexpr char kMonitored[] = R"(
jetstream: { max_mem: 64M, max_file: 256M }
accounts {
  SYS { users [ { user: sys, password: sys } ] }
  A { jetstream: enabled, users [ { user: u, password: p } ] }
}
system_account: SYS
no_auth_user: u
)";

TEST(MonitoredStartTest, E2_TheServerSeesNameAndInboxPrefix) {
  MW_ASSERT_OK_AND_ASSIGN(const auto broker, TestBroker::Start({.config = kMonitored}));
  EndpointOptions options;
  options.servers = {broker->url()};
  options.card.name = "Ada \"the first\" \\ L.";
  options.card.id = "ada-1";
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, Endpoint::Make(options, {}));
  ASSERT_THAT(ada->Start(), IsOk());
  ConnectionOptions eyes;
  eyes.servers = {broker->url()};
  eyes.user = "sys";
  eyes.password = std::make_shared<const Secret>(Secret::CopyOf("sys"));
  MW_ASSERT_OK_AND_ASSIGN(const auto system, Connection::Open(std::move(eyes)));
  MW_ASSERT_OK_AND_ASSIGN(const NatsMessage answer, system->Request("$SYS.REQ.SERVER.PING.CONNZ",
                                                                    R"({"subscriptions":true})", seconds(5)));
  const Json all = Json::parse(answer.payload);
  int found = 0;
  for (const Json& connection : all["data"]["connections"]) {
    if (!connection.contains("name") || connection["name"] != "cotal:Ada \"the first\" \\ L.") continue;
    ++found;
    for (const Json& subject : connection["subscriptions_list"]) {
      EXPECT_THAT(subject.get<std::string>(), ::testing::StartsWith("_INBOX_ada-1."));
    }
  }
  EXPECT_EQ(found, 1) << all;
}

}  // namespace
}  // namespace meshwarden::testing::e02_starting_test
