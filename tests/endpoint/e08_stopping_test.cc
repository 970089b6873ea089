// E8: the end of an endpoint, whoever asks for it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e08_stopping_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class StoppingTest : public BothModes {
 protected:
  void ExpectOffline(const std::string& id) {
    MW_ASSERT_OK_AND_ASSIGN(const Presence last, space_->PresenceOf(id));
    EXPECT_EQ(last.status, PresenceStatus::kOffline);
  }
  // Stop() from within the handler that `install` puts in place and `provoke` makes run.
  void StopWithin(const std::function<void(EndpointHandlers&, std::function<void()>)>& install,
                  const std::function<void(Endpoint&)>& provoke) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    std::unique_ptr<Endpoint> endpoint;
    Collector<bool> stopped;
    EndpointHandlers handlers;
    install(handlers, [&] {
      endpoint->Stop();
      stopped.Add(endpoint->connected());
    });
    MW_ASSERT_OK_AND_ASSIGN(endpoint, Endpoint::Make(options, std::move(handlers)));
    (void)endpoint->Start();  // the handler may be quicker
    provoke(*endpoint);
    ASSERT_FALSE(stopped.Await(1).empty());
    EXPECT_FALSE(stopped.Await(1).front());
    ExpectOffline(options.card.id);
    endpoint.reset();
  }
};
INSTANTIATE_TEST_SUITE_P(, StoppingTest, kBothModes, kModeName);

TEST_P(StoppingTest, E8_TheLastRecordSaysOffline) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.heartbeat = milliseconds(20);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  ASSERT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
  ada->endpoint->Stop();
  ExpectOffline(options.card.id);
  // Nor does a heartbeat come after it.
  MW_ASSERT_OK_AND_ASSIGN(const Presence first, space_->PresenceOf(options.card.id));
  EXPECT_FALSE(Eventually(
      [&] {
        const auto now = space_->PresenceOf(options.card.id);
        return !now.ok() || *now != first;
      },
      milliseconds(300)));
}

TEST_P(StoppingTest, E8_NothingThatIsSetMeanwhileComesAfterTheGoodbye) {
  for (int round = 0; round < 10; ++round) {
    MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
    std::vector<std::thread> threads;
    Collector<absl::Status> ended;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        absl::Status status;
        while (status.ok()) status = ada->endpoint->SetStatus(PresenceStatus::kWorking);
        ended.Add(status);
      });
    }
    ASSERT_TRUE(Eventually([&] {
      const auto now = space_->PresenceOf(ada->endpoint->id());
      return now.ok() && now->status == PresenceStatus::kWorking;
    }));
    ada->endpoint->Stop();
    for (std::thread& thread : threads) thread.join();
    ExpectOffline(ada->endpoint->id());
    EXPECT_THAT(ended.Await(4), ::testing::Each(StatusIs(absl::StatusCode::kFailedPrecondition)));
  }
}

TEST_P(StoppingTest, E8_StopIsIdempotentAndQuick) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const auto begin = steady_clock::now();
  ada->endpoint->Stop();
  ada->endpoint->Stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(2));
  EXPECT_FALSE(ada->endpoint->connected());
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Make(options));
  bob->endpoint->Stop();  // never started
  bob->endpoint->Stop();
  EXPECT_THAT(bob->endpoint->Start(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(StoppingTest, E8_WhoeverStopsFindsItEnded) {
  for (int round = 0; round < 5; ++round) {
    MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        ada->endpoint->Stop();
        const auto last = space_->PresenceOf(ada->endpoint->id());
        EXPECT_TRUE(last.ok() && last->status == PresenceStatus::kOffline);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(StoppingTest, E8_NoThreadIsLeft) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("ada"));
  ASSERT_THAT(space_->Enter(options), IsOk());  // the client library starts threads of its own, once
  std::size_t before = CountThreads();
  (void)Eventually([&] { return before = std::min(before, CountThreads()), false; }, milliseconds(500));
  for (int i = 0; i < 5; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
    EXPECT_GT(CountThreads(), before);
    ASSERT_THAT(ada->endpoint->Reconnect(), IsOk());
    ada->endpoint->Stop();
  }
  EXPECT_TRUE(Eventually([&] { return CountThreads() <= before; })) << CountThreads();
}

TEST_P(StoppingTest, E8_AMessageHandlerMayStop) {
  StopWithin(
      [](EndpointHandlers& handlers, const std::function<void()>& stop) {
        handlers.on_message = [stop](const ReceivedMessage&) { stop(); };
      },
      [&](Endpoint&) { ASSERT_THAT(space_->Post("general", "x"), IsOk()); });
}

TEST_P(StoppingTest, E8_AConnectionHandlerMayStop) {
  StopWithin([](EndpointHandlers& handlers,
                const std::function<void()>& stop) { handlers.on_connection = [stop](bool) { stop(); }; },
             [](Endpoint&) {});
}

TEST_P(StoppingTest, E8_APresenceHandlerMayStop) {
  StopWithin(
      [](EndpointHandlers& handlers, const std::function<void()>& stop) {
        handlers.on_presence = [stop](const PresenceEvent&) { stop(); };
      },
      [](Endpoint&) {});
}

TEST_P(StoppingTest, E8_ARosterHandlerMayStop) {
  StopWithin(
      [](EndpointHandlers& handlers, const std::function<void()>& stop) {
        handlers.on_roster = [stop](const std::vector<Presence>&) { stop(); };
      },
      [](Endpoint&) {});
}

TEST_P(StoppingTest, E8_AnErrorHandlerMayStop) {
  StopWithin(
      [](EndpointHandlers& handlers, const std::function<void()>& stop) {
        handlers.on_error = [stop](const absl::Status&) { stop(); };
      },
      [&](Endpoint&) { ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", "no message"), IsOk()); });
}

TEST_P(StoppingTest, E8_AControlHandlerAndATapMayStop) {
  for (const bool tap : {false, true}) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    if (GetParam() == Mode::kAuth) {
      MW_ASSERT_OK_AND_ASSIGN(options.creds, space_->mesh().Mint(Profile::kUnrestricted));
      options.card.id = "";
      options.receive = false;
    }
    MW_ASSERT_OK_AND_ASSIGN(auto endpoint, Endpoint::Make(options, {}));
    Collector<bool> stopped;
    const auto stop = [&] {
      endpoint->Stop();
      stopped.Add(true);
    };
    ASSERT_THAT(endpoint->Start(), IsOk());
    if (tap) {
      ASSERT_THAT(endpoint->Tap("chat.>", [&](const Tapped&) { stop(); }), IsOk());
      ASSERT_THAT(endpoint->ChatFrontier(), IsOk());  // the server knows of the tap
      ASSERT_THAT(space_->Post("general", "x"), IsOk());
    } else {
      const auto serve = [&](const ControlRequest&) {
        stop();
        return Json("stopped");
      };
      ASSERT_THAT(endpoint->ServeControl("clock", serve), IsOk());
      ASSERT_THAT(endpoint->ChatFrontier(), IsOk());
      const std::string caller = space_->root().id();
      const Json request = {{"op", "now"}, {"from", {{"id", caller}, {"name", "test"}}}};
      ASSERT_THAT(space_->root().PublishRequest(fmt::format("cotal.main.ctl.clock.{}", caller),
                                                InboxPrefix(caller) + ".x", DumpJson(request)),
                  IsOk());
    }
    EXPECT_THAT(stopped.Await(1), ElementsAre(true));
    endpoint.reset();
  }
}

// The destructor waits for the handler that stopped and goes on, and settles, afterwards.
TEST_P(StoppingTest, E8_TheDestructorWaitsForTheHandlerThatStopped) {
  for (int round = 0; round < 5; ++round) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    std::unique_ptr<Endpoint> endpoint;
    Collector<bool> stopped;
    std::atomic<bool> ended{false};
    EndpointHandlers handlers;
    handlers.on_message = [&](const ReceivedMessage& message) {
      endpoint->Stop();
      stopped.Add(true);
      for (int i = 0; i < 1000; ++i) (void)message.settle.Ack();
      ended = true;
    };
    MW_ASSERT_OK_AND_ASSIGN(endpoint, Endpoint::Make(options, std::move(handlers)));
    ASSERT_THAT(endpoint->Start(), IsOk());
    ASSERT_THAT(space_->Post("general", "x"), IsOk());
    ASSERT_THAT(stopped.Await(1), SizeIs(1));
    endpoint.reset();
    EXPECT_TRUE(ended);
  }
}

TEST_P(StoppingTest, E8_ASettlementMayOutliveTheEndpoint) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_THAT(space_->Post("general", "x"), IsOk());
  ASSERT_TRUE(bob->AwaitText("x"));
  const AckHandle settle = bob->messages.Await(1).front().settle;
  bob->endpoint->Stop();
  EXPECT_THAT(settle.Ack(), StatusIs(absl::StatusCode::kFailedPrecondition));
  bob->endpoint.reset();
  EXPECT_THAT(settle.Ack(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(settle.Nak(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// What waited for the handler comes to the next instance at once, not when the broker's patience is over.
TEST_P(StoppingTest, E8_WhatWaitedIsGivenBack) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("bob"));
  std::unique_ptr<Endpoint> first;
  Collector<bool> entered;
  Collector<bool> release;
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& message) {
    entered.Add(true);
    release.Await(1);
    (void)message.settle.Ack();
  };
  MW_ASSERT_OK_AND_ASSIGN(first, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(first->Start(), IsOk());
  for (int i = 0; i < 5; ++i) ASSERT_THAT(space_->Post("general", fmt::format("{}", i)), IsOk());
  ASSERT_THAT(entered.Await(1), SizeIs(1));
  ASSERT_TRUE(Eventually([&] {
    const auto durable = space_->root_api().GetConsumer("CHAT_main", "chat_" + options.card.id);
    return durable.ok() && durable->delivered_consumer_seq == 5;
  }));
  ASSERT_THAT(first->ChatFrontier(), IsOk());
  std::thread stopper([&] { first->Stop(); });
  // The goodbye comes after what waited has been given back.
  const bool said_goodbye = Eventually([&] {
    const auto record = space_->root_api().LastMessage("KV_cotal_presence_main",
                                                       "$KV.cotal_presence_main." + options.card.id);
    return record.ok() && record->payload.find("offline") != std::string::npos;
  });
  // It comes to nobody meanwhile, least of all to the one that gave it back.
  const bool came_again = Eventually(
      [&] {
        const auto durable = space_->root_api().GetConsumer("CHAT_main", "chat_" + options.card.id);
        return durable.ok() && durable->delivered_consumer_seq > 5;
      },
      milliseconds(300));
  release.Add(true);
  stopper.join();
  EXPECT_TRUE(said_goodbye);
  EXPECT_FALSE(came_again);
  first.reset();
  const auto begin = steady_clock::now();
  MW_ASSERT_OK_AND_ASSIGN(const auto second, space_->Enter(options));
  EXPECT_THAT(second->Texts(4), ::testing::UnorderedElementsAre("1", "2", "3", "4"));
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
}

TEST_P(StoppingTest, E8_CallsInProgressEndWithTheStop) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.request_timeout = seconds(60);
  options.ping_interval = seconds(60);
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  ASSERT_THAT(space_->broker().Stop(), IsOk());
  Collector<absl::Status> ended;
  std::thread publisher([&] { ended.Add(bob->endpoint->Multicast(Text("x")).status()); });
  std::thread reader([&] { ended.Add(bob->endpoint->ChannelHistory("general", 10).status()); });
  (void)Eventually([] { return false; }, milliseconds(200));
  const auto begin = steady_clock::now();
  bob->endpoint->Stop();
  EXPECT_LT(steady_clock::now() - begin, seconds(7));
  publisher.join();
  reader.join();
  ASSERT_THAT(space_->broker().Continue(), IsOk());
  for (const absl::Status& status : ended.Await(2)) EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace meshwarden::testing::e08_stopping_test
