// E18: asking a control service, and being one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/uuid.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e18_control_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::milliseconds kShort{500};

class ControlTest : public BothModes {
 protected:
  // An endpoint that may serve any service, and ask it.
  absl::StatusOr<std::unique_ptr<Member>> Trusted(const std::string& name) {
    EndpointOptions options;
    options.servers = {space_->broker().url()};
    options.card.name = name;
    options.receive = false;
    if (space_->mode() == Mode::kAuth) {
      MW_ASSIGN_OR_RETURN(options.creds, space_->mesh().Mint(Profile::kUnrestricted));
    }
    return space_->Enter(std::move(options));
  }
  // What a server answers to a request that is sent as it is, as the test's own identity.
  absl::StatusOr<ControlReply> Ask(std::string_view service, const ControlRequest& request) {
    MW_ASSIGN_OR_RETURN(const NatsMessage answer,
                        space_->root().Request(ControlSubject("main", service, space_->root().id()),
                                               EncodeControlRequest(request), kPatience));
    return DecodeControlReply(answer.payload);
  }
  ControlRequest RequestFrom(std::string_view id) {
    ControlRequest request;
    request.op = "op";
    request.from.id = std::string(id);
    return request;
  }
};
INSTANTIATE_TEST_SUITE_P(, ControlTest, kBothModes, kModeName);

TEST_P(ControlTest, E18_AHandlersDataStatusOrExceptionIsTheReply) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  ASSERT_THAT(server->endpoint->ServeControl(
                  "echo",
                  [](const ControlRequest& request) -> absl::StatusOr<Json> {
                    if (request.op == "status") return absl::NotFoundError("there is no such thing");
                    if (request.op == "throw") throw std::runtime_error("something broke");
                    return Json{{"op", request.op}, {"args", request.args}, {"name", request.from.name}};
                  }),
              IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply ok,
                          asker->endpoint->RequestControl("echo", "say", {{"n", 7}, {"list", {1, 2}}}));
  EXPECT_TRUE(ok.ok);
  EXPECT_EQ(ok.data, Json({{"op", "say"}, {"args", {{"n", 7}, {"list", {1, 2}}}}, {"name", "asker"}}));
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply status,
                          asker->endpoint->RequestControl("echo", "status", Json::object()));
  EXPECT_FALSE(status.ok);
  EXPECT_EQ(status.error, "there is no such thing");
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply thrown,
                          asker->endpoint->RequestControl("echo", "throw", Json::object()));
  EXPECT_FALSE(thrown.ok);
  EXPECT_EQ(thrown.error, "something broke");
  EXPECT_TRUE(asker->endpoint->RequestControl("echo", "again", Json::object())->ok);
}

TEST_P(ControlTest, E18_ASenderThatIsNotTheSubjectsIsRefusedUnheard) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  std::atomic<int> heard = 0;
  ASSERT_THAT(server->endpoint->ServeControl("echo",
                                             [&](const ControlRequest&) -> absl::StatusOr<Json> {
                                               ++heard;
                                               return Json::object();
                                             }),
              IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply forged, Ask("echo", RequestFrom(server->endpoint->id())));
  EXPECT_FALSE(forged.ok);
  EXPECT_EQ(forged.error, "sender mismatch — request rejected");
  EXPECT_EQ(heard, 0);
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply own, Ask("echo", RequestFrom(space_->root().id())));
  EXPECT_TRUE(own.ok);
  EXPECT_EQ(heard, 1);
}

TEST_P(ControlTest, E18_ASenderThatCannotBeReadIsNotTheSubjects) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  std::atomic<int> heard = 0;
  ASSERT_THAT(server->endpoint->ServeControl("echo",
                                             [&](const ControlRequest&) -> absl::StatusOr<Json> {
                                               ++heard;
                                               return Json::object();
                                             }),
              IsOk());
  for (const char* payload :
       {R"({"op":"op"})", R"({"op":"op","from":null})", R"({"op":"op","from":{"name":"ada"}})",
        R"({"op":"op","from":{"id":null}})", R"({"op":"op","from":{"id":""}})",
        R"({"from":{"id":"SOMEBODY"}})", R"({"op":"op","args":7,"from":{"id":"SOMEBODY"}})"}) {
    MW_ASSERT_OK_AND_ASSIGN(
        const NatsMessage answer,
        space_->root().Request(ControlSubject("main", "echo", space_->root().id()), payload, kPatience));
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, DecodeControlReply(answer.payload));
    EXPECT_FALSE(reply.ok) << payload;
    EXPECT_EQ(reply.error, "sender mismatch — request rejected") << payload;
  }
  EXPECT_EQ(heard, 0);
}

TEST_P(ControlTest, E18_ServersOfOneServiceShareItsRequests) {
  constexpr int kRequests = 60;
  MW_ASSERT_OK_AND_ASSIGN(const auto one, Trusted("one"));
  MW_ASSERT_OK_AND_ASSIGN(const auto two, Trusted("two"));
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  std::atomic<int> handled_by_one = 0;
  std::atomic<int> handled_by_two = 0;
  const auto counting = [](std::atomic<int>& count) {
    return [&count](const ControlRequest& request) -> absl::StatusOr<Json> {
      ++count;
      return request.args;
    };
  };
  ASSERT_THAT(one->endpoint->ServeControl("echo", counting(handled_by_one)), IsOk());
  ASSERT_THAT(two->endpoint->ServeControl("echo", counting(handled_by_two)), IsOk());
  for (int i = 0; handled_by_one + handled_by_two < kRequests; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                            asker->endpoint->RequestControl("echo", "op", {{"n", i}}));
    EXPECT_EQ(reply.data, Json({{"n", i}}));
    EXPECT_EQ(handled_by_one + handled_by_two, i + 1);
  }
  EXPECT_GT(handled_by_one, 0);
  EXPECT_GT(handled_by_two, 0);
}

TEST_P(ControlTest, E18_NobodyServingIsToldFromATimeOutAndFromADenial) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  const absl::Status nobody = asker->endpoint->RequestControl("nobody", "op", Json::object()).status();
  EXPECT_THAT(nobody, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(IsNoResponders(nobody));
  EXPECT_FALSE(absl::IsPermissionDenied(nobody));

  std::promise<void> release;
  ASSERT_THAT(server->endpoint->ServeControl(
                  "slow",
                  [released = release.get_future().share()](const ControlRequest&) -> absl::StatusOr<Json> {
                    released.wait();
                    return Json::object();
                  }),
              IsOk());
  const auto before = std::chrono::steady_clock::now();
  const absl::Status late = asker->endpoint->RequestControl("slow", "op", Json::object(), kShort).status();
  const auto waited = std::chrono::steady_clock::now() - before;
  release.set_value();
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_FALSE(IsNoResponders(late));
  EXPECT_FALSE(absl::IsPermissionDenied(late));
  EXPECT_GE(waited, kShort);
}

TEST_P(ControlTest, E18_ARequestWaitsFiveSecondsUnlessItIsToldOtherwise) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  std::promise<void> release;
  ASSERT_THAT(server->endpoint->ServeControl(
                  "slow",
                  [released = release.get_future().share()](const ControlRequest&) -> absl::StatusOr<Json> {
                    released.wait();
                    return Json::object();
                  }),
              IsOk());
  const auto before = std::chrono::steady_clock::now();
  const absl::Status late = asker->endpoint->RequestControl("slow", "op", Json::object()).status();
  const auto waited = std::chrono::steady_clock::now() - before;
  release.set_value();
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_GE(waited, std::chrono::milliseconds(4900));
  EXPECT_LT(waited, std::chrono::seconds(15));
}

TEST_P(ControlTest, E18_AHandlerMayCallTheEndpoint) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  MW_ASSERT_OK_AND_ASSIGN(const auto other, Trusted("other"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(other->endpoint->ServeControl("inner",
                                            [](const ControlRequest&) -> absl::StatusOr<Json> {
                                              return Json{{"deep", 1}};
                                            }),
              IsOk());
  ASSERT_THAT(
      server->endpoint->ServeControl(
          "outer",
          [&](const ControlRequest&) -> absl::StatusOr<Json> {
            MW_ASSIGN_OR_RETURN(const MeshMessage sent, server->endpoint->Multicast(Text("from a handler")));
            MW_RETURN_IF_ERROR(server->endpoint->SetActivity("serving"));
            MW_ASSIGN_OR_RETURN(const ControlReply inner,
                                server->endpoint->RequestControl("inner", "op", Json::object()));
            MW_ASSIGN_OR_RETURN(const auto history, server->endpoint->ChannelHistory("general", 10));
            MW_RETURN_IF_ERROR(
                server->endpoint->ServeControl("late", [](const ControlRequest&) -> absl::StatusOr<Json> {
                  return Json{{"late", 1}};
                }));
            return Json{{"sent", sent.id}, {"inner", inner.data}, {"stored", history.size()}};
          }),
      IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          other->endpoint->RequestControl("outer", "op", Json::object(), kPatience));
  ASSERT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(reply.data.at("inner"), Json({{"deep", 1}}));
  EXPECT_EQ(reply.data.at("stored"), 1);
  ASSERT_THAT(ada->Texts(1), ElementsAre("from a handler"));
  EXPECT_EQ(reply.data.at("sent"), ada->messages.Await(1).front().message.id);
  EXPECT_TRUE(other->endpoint->RequestControl("late", "op", Json::object())->ok);
}

TEST_P(ControlTest, E18_AHandlerMayStopTheEndpoint) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  std::promise<void> stopped;
  ASSERT_THAT(server->endpoint->ServeControl("quit",
                                             [&](const ControlRequest&) -> absl::StatusOr<Json> {
                                               server->endpoint->Stop();
                                               stopped.set_value();
                                               return Json::object();
                                             }),
              IsOk());
  // Whether the answer still gets out is not promised.
  (void)asker->endpoint->RequestControl("quit", "op", Json::object(), kShort);
  ASSERT_EQ(stopped.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(server->endpoint->connected());
  EXPECT_THAT(server->endpoint->RequestControl("quit", "op", Json::object()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stopped")));
  EXPECT_TRUE(IsNoResponders(asker->endpoint->RequestControl("quit", "op", Json::object()).status()));
}

TEST_P(ControlTest, E18_RequestsThatWaitWhenTheEndpointStopsAreTold) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  std::promise<void> entered;
  std::promise<void> release;
  std::atomic<int> heard = 0;
  ASSERT_THAT(server->endpoint->ServeControl("slow",
                                             [&, released = release.get_future().share()](
                                                 const ControlRequest&) -> absl::StatusOr<Json> {
                                               if (++heard == 1) entered.set_value();
                                               released.wait();
                                               return Json::object();
                                             }),
              IsOk());
  Collector<ControlReply> replies;
  const auto send = [&] {
    space_->root().RequestAsync(ControlSubject("main", "slow", space_->root().id()),
                                EncodeControlRequest(RequestFrom(space_->root().id())), kPatience,
                                [&](absl::StatusOr<NatsMessage> answer) {
                                  if (!answer.ok()) return;
                                  auto reply = DecodeControlReply(answer->payload);
                                  if (reply.ok()) replies.Add(*std::move(reply));
                                });
  };
  send();
  ASSERT_EQ(entered.get_future().wait_for(kPatience), std::future_status::ready);
  send();
  send();
  // They have reached the server when a later request of the same connection is refused there.
  EXPECT_FALSE(Ask("slow", RequestFrom("SOMEBODY"))->ok);
  auto stopping = std::async(std::launch::async, [&] { server->endpoint->Stop(); });
  const std::vector<ControlReply> told = replies.Await(2);
  release.set_value();
  stopping.get();
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told[0].code, "stopping");
  EXPECT_EQ(told[1].code, "stopping");
  EXPECT_EQ(heard, 1);
}

TEST_P(ControlTest, E18_RequestsBeyondThoseThatMayWaitAreRefusedAtOnce) {
  constexpr std::size_t kRequests = 1100;
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  std::promise<void> release;
  ASSERT_THAT(server->endpoint->ServeControl(
                  "slow",
                  [released = release.get_future().share()](const ControlRequest&) -> absl::StatusOr<Json> {
                    released.wait();
                    return Json::object();
                  }),
              IsOk());
  Collector<ControlReply> replies;
  for (std::size_t i = 0; i < kRequests; ++i) {
    space_->root().RequestAsync(ControlSubject("main", "slow", space_->root().id()),
                                EncodeControlRequest(RequestFrom(space_->root().id())), kPatience,
                                [&](absl::StatusOr<NatsMessage> answer) {
                                  if (!answer.ok()) return;
                                  auto reply = DecodeControlReply(answer->payload);
                                  if (reply.ok()) replies.Add(*std::move(reply));
                                });
  }
  const std::vector<ControlReply> refused = replies.Await(1);
  release.set_value();
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused.front().code, "busy");
  const std::vector<ControlReply> all = replies.Await(kRequests);
  EXPECT_EQ(all.size(), kRequests);
  EXPECT_GE(std::count_if(all.begin(), all.end(), [](const ControlReply& reply) { return reply.ok; }), 1024);
}

TEST_P(ControlTest, E18_AServiceAskedForBeforeTheStartIsServedAfterItAndAfterAReconnect) {
  EndpointOptions options;
  options.servers = {space_->broker().url()};
  options.card.name = "server";
  options.receive = false;
  if (space_->mode() == Mode::kAuth) {
    MW_ASSERT_OK_AND_ASSIGN(options.creds, space_->mesh().Mint(Profile::kUnrestricted));
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto server, space_->Make(options));
  ASSERT_THAT(server->endpoint->ServeControl(
                  "echo", [](const ControlRequest&) -> absl::StatusOr<Json> { return Json::object(); }),
              IsOk());
  ASSERT_THAT(server->endpoint->Start(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto asker, Trusted("asker"));
  EXPECT_TRUE(asker->endpoint->RequestControl("echo", "op", Json::object())->ok);
  ASSERT_THAT(server->endpoint->Reconnect(), IsOk());
  EXPECT_TRUE(asker->endpoint->RequestControl("echo", "op", Json::object())->ok);
}

TEST_P(ControlTest, E18_ANameThatIsNoServiceIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto server, Trusted("server"));
  for (const std::string service : {"", "*", ">", "a.b", "a b"}) {
    EXPECT_THAT(server->endpoint->RequestControl(service, "op", Json::object()),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(server->endpoint->ServeControl(
                    service, [](const ControlRequest&) -> absl::StatusOr<Json> { return Json::object(); }),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

class AgentControlTest : public ::testing::Test {
 protected:
  void SetUp() override { MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth)); }
  std::unique_ptr<TestSpace> space_;
};

TEST_F(AgentControlTest, E18_AnAgentIsDeniedAServiceThatItHasNoCapabilityFor) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const absl::Status denied = ada->endpoint->RequestControl("manager", "op", Json::object()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(denied)) << denied;
  EXPECT_FALSE(IsNoResponders(denied));
  EXPECT_THAT(std::string(denied.message()), HasSubstr("cotal.main.ctl.manager." + ada->endpoint->id()));
  // Its own service it may ask; nobody serves it here.
  const absl::Status nobody = ada->endpoint->RequestControl("self", "op", Json::object()).status();
  EXPECT_TRUE(IsNoResponders(nobody)) << nobody;
  EXPECT_FALSE(absl::IsPermissionDenied(nobody));
}

TEST_F(AgentControlTest, E18_AnAgentThatServesIsTold) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  (void)ada->endpoint->ServeControl(
      "self", [](const ControlRequest&) -> absl::StatusOr<Json> { return Json::object(); });
  EXPECT_TRUE(ada->AwaitError("cotal.main.ctl.self.*"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  EXPECT_TRUE(IsNoResponders(bob->endpoint->RequestControl("self", "op", Json::object()).status()));
}

}  // namespace
}  // namespace meshwarden::testing::e18_control_test
