// E4: an endpoint whose connection is lost builds itself anew.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/registry.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e04_supervision_test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class SupervisionTest : public BothModes {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(space_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.servers = {proxy_->url()};
    options_.retry_wait = milliseconds(300);
    options_.ping_interval = milliseconds(500);
    options_.connect_timeout = milliseconds(1000);
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_));
    ASSERT_TRUE(bob_->AwaitConnected(true));
    // What the broker sends to a connection that it does not know to be dead comes again after this.
    MW_ASSERT_OK_AND_ASSIGN(ConsumerInfo durable, space_->root_api().GetConsumer(
                                                      ChatStream("main"), ChatDurable(bob_->endpoint->id())));
    durable.config.ack_wait = seconds(2);
    ASSERT_THAT(space_->root_api().UpdateConsumer(ChatStream("main"), durable.config), IsOk());
  }
  // The test's own connection may be on its way back too.
  void PostUntilStored(const std::string& text) {
    ASSERT_TRUE(Eventually([&] { return space_->Post("general", text).ok(); }));
  }
  void ExpectAllWorks(const std::string& text) {
    EXPECT_TRUE(bob_->AwaitText(text));
    EXPECT_TRUE(bob_->endpoint->connected());
    EXPECT_THAT(bob_->endpoint->Multicast(Text("from bob")), IsOk());
    EXPECT_THAT(bob_->endpoint->Unicast(bob_->endpoint->id(), Text("to myself")), IsOk());
    EXPECT_THAT(bob_->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
    EXPECT_THAT(bob_->endpoint->ChatFrontier(), IsOk());
  }

  // What a broker leaves behind that is killed while it writes down how far a durable has come. It must be
  // down.
  void EmptyStateOf(const std::string& durable) {
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(space_->broker().directory())) {
      if (entry.path().filename() != "o.dat" || entry.path().parent_path().filename() != durable) continue;
      fs::resize_file(entry.path(), 0);
      ++found;
    }
    EXPECT_EQ(found, 1u) << durable;
  }

  std::unique_ptr<TcpProxy> proxy_;
  EndpointOptions options_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, SupervisionTest, kBothModes, kModeName);

TEST_P(SupervisionTest, E4_AServerThatWasKilledIsFoundBack) {
  ASSERT_THAT(space_->broker().Kill(), IsOk());
  ASSERT_TRUE(bob_->AwaitConnected(false));
  ASSERT_THAT(space_->broker().Restart(), IsOk());
  PostUntilStored("back");
  ASSERT_TRUE(bob_->AwaitConnected(true));
  ExpectAllWorks("back");
}

// Longer than any number of quick retries.
TEST_P(SupervisionTest, E4_AServerThatStaysAwayIsFoundBack) {
  ASSERT_THAT(space_->broker().Kill(), IsOk());
  ASSERT_TRUE(bob_->AwaitConnected(false));
  EXPECT_FALSE(Eventually([&] { return bob_->endpoint->connected(); }, seconds(8)));
  const auto back = steady_clock::now();
  ASSERT_THAT(space_->broker().Restart(), IsOk());
  PostUntilStored("back");
  ASSERT_TRUE(bob_->AwaitConnected(true));
  EXPECT_LT(steady_clock::now() - back, seconds(5));
  ExpectAllWorks("back");
}

TEST_P(SupervisionTest, E4_AHungServerIsGivenUpAndFoundBack) {
  ASSERT_THAT(space_->broker().Stop(), IsOk());
  const bool noticed = bob_->AwaitConnected(false);
  ASSERT_THAT(space_->broker().Continue(), IsOk());
  ASSERT_TRUE(noticed);
  PostUntilStored("back");
  ASSERT_TRUE(bob_->AwaitConnected(true));
  ExpectAllWorks("back");
}

TEST_P(SupervisionTest, E4_AHungNetworkIsGivenUpAndFoundBack) {
  proxy_->Hang(true);
  ASSERT_TRUE(bob_->AwaitConnected(false));
  PostUntilStored("meanwhile");
  proxy_->Hang(false);
  ASSERT_TRUE(bob_->AwaitConnected(true));
  ExpectAllWorks("meanwhile");
}

TEST_P(SupervisionTest, E4_ACutConnectionIsReplacedAndNothingIsMissed) {
  proxy_->Refuse(true);
  proxy_->Cut();
  ASSERT_TRUE(bob_->AwaitConnected(false));
  for (int i = 0; i < 3; ++i) PostUntilStored(fmt::format("meanwhile {}", i));
  proxy_->Refuse(false);
  ASSERT_TRUE(bob_->AwaitConnected(true));
  ExpectAllWorks("meanwhile 2");
  // What the broker had sent to the dead connection comes again later than the rest.
  EXPECT_THAT(bob_->Texts(3), ::testing::UnorderedElementsAre("meanwhile 0", "meanwhile 1", "meanwhile 2"));
}

TEST_P(SupervisionTest, E4_AServerWithAnEmptyStoreIsReported) {
  // Kept out until the store is empty, so that what it finds is known.
  proxy_->Refuse(true);
  ASSERT_THAT(space_->broker().RestartEmpty(), IsOk());
  ASSERT_TRUE(bob_->AwaitConnected(false));
  proxy_->Refuse(false);
  if (GetParam() == Mode::kOpen) {
    ASSERT_TRUE(bob_->AwaitConnected(true));
    PostUntilStored("new world");
    return ExpectAllWorks("new world");
  }
  // Nobody has made its durables again; it goes on trying.
  EXPECT_TRUE(bob_->AwaitError("reconnect"));
  EXPECT_FALSE(bob_->endpoint->connected());
  EXPECT_THAT(bob_->endpoint->Multicast(Text("x")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("reconnecting")));
}

// 2.10 tells another time of making of a durable after that, which must not pass for another durable.
TEST_P(SupervisionTest, E4_WhatIsUnsettledComesAgainAfterARestart) {
  bob_.reset();
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_, Settling::kByTest));
  PostUntilStored("open");
  ASSERT_TRUE(bob_->AwaitText("open"));
  ASSERT_THAT(space_->broker().Kill(), IsOk());
  ASSERT_TRUE(bob_->AwaitConnected(false));
  ASSERT_THAT(space_->broker().Restart(), IsOk());
  ASSERT_TRUE(bob_->AwaitConnected(true));
  EXPECT_THAT(bob_->Texts(2), ::testing::ElementsAre("open", "open"));
}

// The durables begin anew then, with all that the streams hold: also what was never for this endpoint, and
// what it has had.
TEST_P(SupervisionTest, E4_ADurableThatTheBrokerForgotGoesOnWhereItWas) {
  ChannelConfig closed;
  closed.replay = false;
  ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelConfig("general", closed), IsOk());
  PostUntilStored("long ago");
  MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
  options_.servers = {proxy_->url()};
  options_.retry_wait = milliseconds(300);
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_));
  ASSERT_TRUE(bob_->AwaitConnected(true));
  PostUntilStored("before");
  ASSERT_TRUE(bob_->AwaitText("before"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(ada->endpoint->Unicast(options_.card.id, Text("to bob")), IsOk());
  ASSERT_TRUE(bob_->AwaitText("to bob"));
  proxy_->Refuse(true);
  proxy_->Cut();
  ASSERT_TRUE(bob_->AwaitConnected(false));
  for (int i = 0; i < 3; ++i) PostUntilStored(fmt::format("meanwhile {}", i));
  ASSERT_THAT(space_->broker().Kill(), IsOk());
  EmptyStateOf(ChatDurable(options_.card.id));
  EmptyStateOf(DmDurable(options_.card.id));
  ASSERT_THAT(space_->broker().Restart(), IsOk());
  PostUntilStored("meanwhile 3");
  proxy_->Refuse(false);
  ASSERT_TRUE(bob_->AwaitConnected(true));
  PostUntilStored("after");
  ASSERT_TRUE(bob_->AwaitText("after"));
  EXPECT_THAT(bob_->Texts(8, milliseconds(500)),
              ::testing::ElementsAre("before", "to bob", "meanwhile 0", "meanwhile 1", "meanwhile 2",
                                     "meanwhile 3", "after"));
  ExpectAllWorks("after");
}

// This process has never seen it; how far the durables were settled it has asked while the broker knew.
TEST_P(SupervisionTest, E4_WhatAnEarlierProcessSettledIsNotHandedOverWhenTheBrokerForgets) {
  const std::string& id = options_.card.id;
  const auto say = [&](const std::string& text) {
    PostUntilStored(text);
    ASSERT_THAT(space_->Store(UnicastSubject("main", id, "PEER"), PeerMessage("PEER", "x", "dm " + text)),
                IsOk());
    ASSERT_TRUE(bob_->AwaitText(text));
    ASSERT_TRUE(bob_->AwaitText("dm " + text));
    for (const auto& [stream, durable] :
         {std::pair(ChatStream("main"), ChatDurable(id)), std::pair(DmStream("main"), DmDurable(id))}) {
      ASSERT_TRUE(Eventually([&, stream = stream, durable = durable] {
        const auto state = space_->root_api().GetStream(stream);
        const auto info = space_->root_api().GetConsumer(stream, durable);
        return state.ok() && info.ok() && info->ack_floor_stream_seq == state->last_seq;
      }));
    }
  };
  const auto await_heartbeat = [&] {
    const auto seq = [&] {
      const auto record =
          space_->root_api().LastMessage("KV_cotal_presence_main", "$KV.cotal_presence_main." + id);
      return record.ok() ? record->seq : 0;
    };
    const std::uint64_t before = seq();
    ASSERT_TRUE(Eventually([&] { return seq() > before; }));
  };
  ASSERT_NO_FATAL_FAILURE(say("former"));
  bob_.reset();
  options_.heartbeat = milliseconds(50);
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(options_));
  ASSERT_NO_FATAL_FAILURE(say("before"));
  // It asks with every eighth heartbeat.
  for (int i = 0; i < 18; ++i) ASSERT_NO_FATAL_FAILURE(await_heartbeat());
  proxy_->Refuse(true);
  proxy_->Cut();
  ASSERT_TRUE(bob_->AwaitConnected(false));
  ASSERT_THAT(space_->broker().Kill(), IsOk());
  EmptyStateOf(ChatDurable(id));
  EmptyStateOf(DmDurable(id));
  ASSERT_THAT(space_->broker().Restart(), IsOk());
  PostUntilStored("after");
  proxy_->Refuse(false);
  ASSERT_TRUE(bob_->AwaitText("after"));
  EXPECT_THAT(bob_->Texts(4, milliseconds(500)),
              ::testing::UnorderedElementsAre("before", "dm before", "after"));
}

// What is told of a connection that has been replaced already must not take down the one in its place.
TEST_P(SupervisionTest, E4_AStaleCloseDoesNothing) {
  for (int i = 0; i < 20; ++i) {
    std::thread cutter([&] { proxy_->Cut(); });
    (void)bob_->endpoint->Reconnect();
    cutter.join();
  }
  // With no further fault it settles, on one connection.
  ASSERT_TRUE(Eventually([&] { return bob_->endpoint->connected(); }));
  PostUntilStored("settled");
  EXPECT_TRUE(bob_->AwaitText("settled"));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  bob_->connection.Await(0);
  const std::size_t told = bob_->connection.Await(0).size();
  EXPECT_THAT(bob_->connection.Await(told + 2, seconds(1)), ::testing::SizeIs(::testing::Le(told + 1)));
  EXPECT_TRUE(bob_->AwaitConnected(true));
  EXPECT_THAT(proxy_->AwaitConnections(1, kPatience), IsOk());
  ExpectAllWorks("settled");
}

// A publish whose acknowledgement is lost with the connection is stored once, and the call returns OK.
TEST_P(SupervisionTest, E4_APublishCutShortIsStoredOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  std::atomic<bool> stop{false};
  std::thread cutter([&] {
    while (!stop) {
      // Cut while it works, not while it tries to come back, which it could then never do.
      (void)Eventually([&] { return stop || bob_->endpoint->connected(); });
      (void)Eventually([&] { return stop.load(); }, milliseconds(100));
      proxy_->Cut();
    }
  });
  std::vector<std::string> sent;
  for (int i = 0; i < 40; ++i) {
    (void)Eventually([&] { return bob_->endpoint->connected(); });
    if (bob_->endpoint->Multicast(Text(fmt::format("{}", i))).ok()) sent.push_back(fmt::format("{}", i));
  }
  stop = true;
  cutter.join();
  EXPECT_GT(sent.size(), 0u);
  ASSERT_TRUE(ada->AwaitText(sent.back()));
  std::vector<std::string> got = ada->Texts(41, milliseconds(500));
  std::erase_if(
      got, [&](const std::string& text) { return std::find(sent.begin(), sent.end(), text) == sent.end(); });
  EXPECT_EQ(got, sent);
}

}  // namespace
}  // namespace meshwarden::testing::e04_supervision_test
