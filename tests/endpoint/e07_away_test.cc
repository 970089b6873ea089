// E7: what calls say before the start, while the connection is being replaced, and after the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e07_away_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Every call that asks the broker, and how it ended.
std::vector<std::pair<std::string, absl::Status>> CallAll(Endpoint& endpoint) {
  return {
      {"Multicast", endpoint.Multicast(Text("x")).status()},
      {"Unicast", endpoint.Unicast("somebody", Text("x")).status()},
      {"Anycast", endpoint.Anycast("reviewer", Text("x")).status()},
      {"JoinChannel", endpoint.JoinChannel("team").status()},
      {"LeaveChannel", endpoint.LeaveChannel("general").status()},
      {"RecallChannel", endpoint.RecallChannel("general", 0).status()},
      {"ChannelHistory", endpoint.ChannelHistory("general", 10).status()},
      {"DmHistory", endpoint.DmHistory("somebody", 10).status()},
      {"ChatFrontier", endpoint.ChatFrontier().status()},
      {"ListChannels", endpoint.ListChannels().status()},
      {"ListMembers", endpoint.ListMembers("general").status()},
      {"SetStatus", endpoint.SetStatus(PresenceStatus::kWorking)},
      {"SetActivity", endpoint.SetActivity("reading")},
      {"RequestControl", endpoint.RequestControl("self", "ping", Json::object(), seconds(5)).status()},
  };
}

void ExpectAll(Endpoint& endpoint, absl::StatusCode code, const std::string& message) {
  const auto begin = steady_clock::now();
  for (const auto& [call, status] : CallAll(endpoint)) {
    EXPECT_THAT(status, StatusIs(code, message)) << call;
  }
  EXPECT_LT(steady_clock::now() - begin, seconds(2)) << "refusals don't wait";
}

class AwayTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, AwayTest, kBothModes, kModeName);

TEST_P(AwayTest, E7_CallsSayWhereTheEndpointIsInItsLife) {
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(space_->broker().port()));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.servers = {proxy->url()};
  options.retry_wait = seconds(30);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  ExpectAll(*ada->endpoint, absl::StatusCode::kFailedPrecondition, "endpoint not started");
  ASSERT_THAT(ada->endpoint->Start(), IsOk());
  proxy->Refuse(true);
  proxy->Cut();
  ASSERT_TRUE(ada->AwaitConnected(false));
  ExpectAll(*ada->endpoint, absl::StatusCode::kUnavailable, "reconnecting — try again shortly");
  proxy->Refuse(false);
  ASSERT_THAT(ada->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(ada->endpoint->Multicast(Text("x")), IsOk());
  ada->endpoint->Stop();
  ExpectAll(*ada->endpoint, absl::StatusCode::kFailedPrecondition, "endpoint stopped");
}

TEST_P(AwayTest, E7_CallsDoNotReachIntoARebuild) {
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(space_->broker().port()));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.servers = {proxy->url()};
  options.retry_wait = milliseconds(100);
  options.ping_interval = milliseconds(500);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  proxy->Hang(true);
  ASSERT_TRUE(ada->AwaitConnected(false));
  ExpectAll(*ada->endpoint, absl::StatusCode::kUnavailable, "reconnecting — try again shortly");
  proxy->Hang(false);
  EXPECT_TRUE(ada->AwaitConnected(true));
}

TEST_P(AwayTest, E7_WhatNeedsNoBrokerIsAnsweredAllTheTime) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  const auto check = [&] {
    EXPECT_EQ(ada->endpoint->id(), options.card.id);
    EXPECT_EQ(ada->endpoint->space(), "main");
    EXPECT_EQ(ada->endpoint->JoinedChannels(), std::vector<std::string>{"general"});
    EXPECT_EQ(ada->endpoint->DefaultChannel(), "general");
    EXPECT_TRUE(ada->endpoint->ChannelReplay("general"));
  };
  check();
  EXPECT_TRUE(ada->endpoint->Roster().empty());
  ASSERT_THAT(ada->endpoint->Start(), IsOk());
  check();
  ada->endpoint->Stop();
  check();
}

}  // namespace
}  // namespace meshwarden::testing::e07_away_test
