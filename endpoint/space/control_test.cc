#include "endpoint/space/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::control_test {
namespace {

using ::meshwarden::testing::Collector;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TcpProxy;
using ::meshwarden::testing::TestBroker;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Lt;

constexpr std::chrono::seconds kTimeout{5};
// Some time that services' clocks show, and what stands in requests for it.
constexpr SystemTime kNoon{std::chrono::milliseconds(1'777'888'000'000)};
constexpr std::int64_t kNoonMs = 1'777'888'000'000;

TEST(IsReplyOf, TakesOnlyWhatLiesBelowTheSendersInbox) {
  EXPECT_TRUE(IsReplyOf("UA", "_INBOX_UA.x"));
  EXPECT_TRUE(IsReplyOf("UA", "_INBOX_UA.x.1"));
  for (const std::string reply :
       {"", "_INBOX_UA", "_INBOX_UA.", "_INBOX_UA..x", "_INBOX_UA.x.", "_INBOX_UA.x..y", "_INBOX_UB.x",
        "_INBOX_UAX.x", "_INBOX.x", "$JS.API.STREAM.PURGE.CHAT_main", "_INBOX_UA.*", "_INBOX_UA.>",
        "_INBOX_UA.x y", "_INBOX_UA.x\r\n", "x_INBOX_UA.x", "_INBOX_UA.x.y.z", "_INBOX_UA.x.y.z.1"}) {
    EXPECT_FALSE(IsReplyOf("UA", reply)) << reply;
  }
}

TEST(IsReplyOf, LengthIsBounded) {
  const std::string prefix = "_INBOX_UA.";
  EXPECT_TRUE(IsReplyOf("UA", prefix + std::string(256 - prefix.size(), 'x')));
  EXPECT_FALSE(IsReplyOf("UA", prefix + std::string(257 - prefix.size(), 'x')));
}

class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    server_ = Open();
    client_ = Open();
  }
  std::unique_ptr<Connection> Open() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    auto connection = Connection::Open(std::move(options));
    EXPECT_THAT(connection, IsOk());
    return *std::move(connection);
  }
  void Serve(ControlHandler handler, ControlServiceOptions options = {}) {
    MW_ASSERT_OK_AND_ASSIGN(
        service_, ServeControl(*server_, "main", kSelfService, std::move(handler), std::move(options)));
    ASSERT_THAT(server_->Flush(kTimeout), IsOk());
  }
  // Serves what answers with nothing but success, and adds how long each request had left to `left`.
  void ServeNotingEnds(Collector<milliseconds>& left, const Clock& clock) {
    Serve(
        [&left](const ControlCall& call, const ControlResponder& respond) {
          left.Add(std::chrono::ceil<milliseconds>(call.ends - std::chrono::steady_clock::now()));
          respond(ControlReply::Ok({}));
        },
        {.clock = clock});
  }
  absl::StatusOr<ControlReply> Send(const std::string& payload) {
    const auto answer =
        client_->Request(ControlSubject("main", kSelfService, client_->id()), payload, kTimeout);
    if (!answer.ok()) return answer.status();
    return DecodeControlReply(answer->payload);
  }
  ControlRequest Request() const {
    ControlRequest request;
    request.op = "echo";
    request.args = {{"x", 1}};
    request.from.id = client_->id();
    return request;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> server_;
  std::unique_ptr<Connection> client_;
  std::unique_ptr<Subscription> service_;
};

TEST_F(ControlTest, ARequestIsAnswered) {
  Serve([](const ControlCall& call, const ControlResponder& respond) {
    respond(
        ControlReply::Ok({{"op", call.request.op}, {"sender", call.sender}, {"args", call.request.args}}));
  });
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          RequestControl(*client_, "main", kSelfService, Request(), kTimeout));
  EXPECT_TRUE(reply.ok);
  EXPECT_EQ(reply.data, Json({{"op", "echo"}, {"sender", client_->id()}, {"args", {{"x", 1}}}}));
}

TEST_F(ControlTest, ArgumentsOfAHandlerAreAnObjectEvenIfNoneWereSent) {
  Serve([](const ControlCall& call, const ControlResponder& respond) {
    respond(ControlReply::Ok({{"args", call.request.args}}));
  });
  for (const char* args : {"", R"("args":null,)", R"("args":{},)"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(std::string(R"({"op":"x",)") + args +
                                                           R"("from":{"id":")" + client_->id() + R"("}})"));
    EXPECT_EQ(reply.data, Json({{"args", Json::object()}})) << args;
  }
}

TEST_F(ControlTest, NobodyServingIsToldFromSilence) {
  EXPECT_TRUE(IsNoResponders(RequestControl(*client_, "main", kSelfService, Request(), kTimeout).status()));
}

TEST_F(ControlTest, AnotherSenderInFromIsRefusedBeforeTheHandler) {
  std::atomic<int> handled = 0;
  Serve([&](const ControlCall&, const ControlResponder&) { ++handled; });
  ControlRequest request = Request();
  request.from.id = server_->id();
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          RequestControl(*client_, "main", kSelfService, request, kTimeout));
  EXPECT_EQ(reply.error, "sender mismatch — request rejected");
  EXPECT_EQ(reply.code, "sender_mismatch");
  EXPECT_EQ(handled, 0);
}

TEST_F(ControlTest, TheSenderIsJudgedBeforeTheOtherFields) {
  std::atomic<int> handled = 0;
  Serve([&](const ControlCall&, const ControlResponder&) { ++handled; });
  const std::string own = client_->id();
  for (const std::string& payload :
       {std::string(R"({})"), std::string(R"({"op":"x"})"), std::string(R"({"op":"x","from":null})"),
        R"({"op":"x","from":")" + own + R"("})", R"({"op":"x","from":[{"id":")" + own + R"("}]})",
        std::string(R"({"op":"x","from":{}})"), std::string(R"({"op":"x","from":{"id":null}})"),
        std::string(R"({"op":"x","from":{"id":7}})"), R"({"op":"x","from":{"id":[")" + own + R"("]}})",
        std::string(R"({"op":"x","from":{"id":""}})"), R"({"op":"x","from":{"id":")" + own + R"( "}})",
        std::string(R"({"from":{"id":"UX"}})"), std::string(R"({"op":"","from":{"id":"UX"}})"),
        std::string(R"({"op":"x","args":7,"from":{"id":"UX"}})"),
        std::string(R"({"op":"x","from":{"id":"UX","name":7}})")}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(payload));
    EXPECT_EQ(reply.error, "sender mismatch — request rejected") << payload;
    EXPECT_EQ(reply.code, "sender_mismatch") << payload;
  }
  const std::string from = R"("from":{"id":")" + own + R"("})";
  for (const std::string& payload :
       {"{" + from + "}", R"({"op":7,)" + from + "}", R"({"op":"x","args":7,)" + from + "}",
        R"({"op":"x","from":{"id":")" + own + R"(","name":7}})"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(payload));
    EXPECT_EQ(reply.code, "bad_request") << payload;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ControlTest, MalformedRequestsGetAnErrorBeforeTheHandler) {
  std::atomic<int> handled = 0;
  Serve([&](const ControlCall&, const ControlResponder&) { ++handled; });
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("{"), std::string(kMaxControlRequestBytes + 1, ' ')}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(payload));
    EXPECT_FALSE(reply.ok);
    EXPECT_EQ(reply.code, "bad_request");
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ControlTest, ARequestThatWantsItsAnswerElsewhereIsDropped) {
  std::atomic<int> handled = 0;
  Serve([&](const ControlCall&, const ControlResponder& respond) {
    ++handled;
    respond(ControlReply::Ok({}));
  });
  const std::string subject = ControlSubject("main", kSelfService, client_->id());
  const std::string payload = EncodeControlRequest(Request());
  std::atomic<int> leaked = 0;
  MW_ASSERT_OK_AND_ASSIGN(const auto tap,
                          client_->Subscribe("elsewhere.>", "", [&](const NatsMessage&) { ++leaked; }));
  ASSERT_THAT(client_->PublishRequest(subject, "elsewhere.x", payload), IsOk());
  ASSERT_THAT(client_->Publish(subject, payload), IsOk());
  ASSERT_THAT(Send(payload), IsOk());  // control, and a barrier: the proper one is handled after those
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(leaked, 0);
}

TEST_F(ControlTest, ADroppedCallIsAnsweredAllTheSame) {
  Serve([](const ControlCall&, const ControlResponder&) {});
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          RequestControl(*client_, "main", kSelfService, Request(), kTimeout));
  EXPECT_EQ(reply.code, "internal");
}

TEST_F(ControlTest, OnlyTheFirstAnswerIsSent) {
  Serve([](const ControlCall&, const ControlResponder& respond) {
    respond(ControlReply::Ok({{"n", 1}}));
    respond(ControlReply::Ok({{"n", 2}}));
  });
  std::atomic<int> answers = 0;
  std::promise<void> first;
  const std::string inbox = InboxPrefix(client_->id()) + ".x.1";
  MW_ASSERT_OK_AND_ASSIGN(const auto tap, client_->Subscribe(inbox, "", [&](const NatsMessage&) {
    if (++answers == 1) first.set_value();
  }));
  ASSERT_THAT(client_->PublishRequest(ControlSubject("main", kSelfService, client_->id()), inbox,
                                      EncodeControlRequest(Request())),
              IsOk());
  ASSERT_THAT(RequestControl(*client_, "main", kSelfService, Request(), kTimeout), IsOk());
  ASSERT_EQ(first.get_future().wait_for(kTimeout), std::future_status::ready);
  EXPECT_EQ(answers, 1);
}

// One request of each kind that is refused before the handler.
TEST_F(ControlTest, WhatIsRefusedBeforeTheHandlerIsTold) {
  struct Told {
    Refusal why;
    std::string sender;
    std::string detail;
  };
  Collector<Told> told;
  std::atomic<int> handled = 0;
  const FixedClock noon(kNoon);
  Serve([&](const ControlCall&, const ControlResponder&) { ++handled; },
        {.on_refused =
             [&](const RefusedRequest& refused) {
               told.Add({refused.why, std::string(refused.sender), refused.detail});
             },
         .clock = noon});
  const std::string own = client_->id();
  const std::string subject = ControlSubject("main", kSelfService, own);
  ASSERT_THAT(client_->PublishRequest(subject, "elsewhere.x", "{}"), IsOk());
  ASSERT_THAT(client_->Publish(subject, "{}"), IsOk());
  ASSERT_THAT(Send(R"({"op":"x","from":{"id":"UX"}})"), IsOk());
  ASSERT_THAT(Send("{}"), IsOk());
  ASSERT_THAT(Send("{"), IsOk());
  ASSERT_THAT(Send(std::string(kMaxControlRequestBytes + 1, ' ')), IsOk());
  ASSERT_THAT(Send(R"({"op":"x","from":{"id":")" + own + R"("},"until":"late"})"), IsOk());
  ASSERT_THAT(Send(R"({"op":"x","from":{"id":")" + own + R"("},"until":1})"), IsOk());
  const std::vector<Told> all = told.Await(8);
  const std::vector<std::pair<Refusal, std::string>> expected = {
      {Refusal::kForeignReply, "elsewhere.x"}, {Refusal::kForeignReply, ""},
      {Refusal::kSenderMismatch, "UX"},        {Refusal::kSenderMismatch, ""},
      {Refusal::kMalformed, "JSON"},           {Refusal::kTooLarge, "65536"},
      {Refusal::kMalformed, "\"until\""},      {Refusal::kStale, ""}};
  ASSERT_EQ(all.size(), expected.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].why, expected[i].first) << i;
    EXPECT_EQ(all[i].sender, own) << i;
    EXPECT_THAT(all[i].detail, HasSubstr(expected[i].second)) << i;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ControlTest, WhoIsOverTheMeterIsToldToSlowDownUnread) {
  std::atomic<int> handled = 0;
  std::atomic<int> told = 0;
  SenderMeter meter({.burst = std::chrono::nanoseconds(1), .shared = 1e-9, .least = 1e-9});
  Serve(
      [&](const ControlCall&, const ControlResponder& respond) {
        ++handled;
        respond(ControlReply::Ok({}));
      },
      {.on_refused = [&](const RefusedRequest& refused) { told += refused.why == Refusal::kTooFast ? 1 : 0; },
       .meter = &meter});
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply first, Send(EncodeControlRequest(Request())));
  EXPECT_TRUE(first.ok);
  for (const std::string& payload : {EncodeControlRequest(Request()), std::string("{"), std::string()}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(payload));
    EXPECT_EQ(reply.code, "slow_down");
    ASSERT_TRUE(reply.data["retryAfter"].is_number());
    EXPECT_GT(reply.data["retryAfter"].get<double>(), 0);
    EXPECT_THAT(reply.error, HasSubstr("not read"));
  }
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(told, 3);
  // Another one has a share of its own.
  client_ = Open();
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply another, Send(EncodeControlRequest(Request())));
  EXPECT_TRUE(another.ok);
  service_.reset();  // what it uses goes now
}

TEST_F(ControlTest, WhoHasTooManyUnansweredIsToldToSlowDownUntilOneIsAnswered) {
  OpenRequests open(2);
  Collector<ControlResponder> taken;
  Serve([&](const ControlCall&, const ControlResponder& respond) { taken.Add(respond); }, {.open = &open});
  Collector<std::string> answers;
  const std::string inbox = InboxPrefix(client_->id()) + ".x";
  MW_ASSERT_OK_AND_ASSIGN(const auto tap, client_->Subscribe(inbox, "", [&](const NatsMessage& message) {
    answers.Add(DecodeControlReply(message.payload)->code);
  }));
  const auto ask = [&] {
    return client_->PublishRequest(ControlSubject("main", kSelfService, client_->id()), inbox,
                                   EncodeControlRequest(Request()));
  };
  for (int i = 0; i < 3; ++i) ASSERT_THAT(ask(), IsOk());
  EXPECT_THAT(answers.Await(1), ElementsAre("slow_down"));
  taken.Await(2).front()(ControlReply::Error("first", ""));
  EXPECT_THAT(answers.Await(2), ElementsAre("slow_down", "first"));
  ASSERT_THAT(ask(), IsOk());
  for (const ControlResponder& respond : taken.Await(3)) respond(ControlReply::Error("other", ""));
  EXPECT_THAT(answers.Await(4), ElementsAre("slow_down", "first", "other", "other"));
  service_.reset();
}

// A large request that takes for ever holds up its own sender, and nobody else.
TEST_F(ControlTest, WhatIsLargeIsReadAsideAndNothingOfItsSenderOvertakesIt) {
  SideLane aside({.waiting = 4, .of_one_sender = 2});
  std::promise<void> go;
  std::shared_future<void> until = go.get_future().share();
  Collector<std::string> handled;
  Serve(
      [&](const ControlCall& call, const ControlResponder& respond) {
        if (call.request.args.contains("large")) until.wait();
        handled.Add(call.sender + " " + call.request.op);
        respond(ControlReply::Ok({}));
      },
      {.aside = &aside});
  auto another = Open();
  const auto payload = [](const Connection& from, const std::string& op, std::size_t bytes) {
    ControlRequest request;
    request.op = op;
    request.from.id = from.id();
    if (bytes > 0) request.args = {{"large", std::string(bytes, 'x')}};
    return EncodeControlRequest(request);
  };
  const auto send = [&](Connection& from, const std::string& text) {
    return from.PublishRequest(ControlSubject("main", kSelfService, from.id()), InboxPrefix(from.id()) + ".x",
                               text);
  };
  ASSERT_THAT(send(*client_, payload(*client_, "large", kMaxUsualBytes)), IsOk());
  ASSERT_THAT(send(*client_, payload(*client_, "second", 0)), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply refused, Send(payload(*client_, "third", 0)));
  EXPECT_EQ(refused.code, "slow_down");
  client_.swap(another);
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(payload(*client_, "usual", 0)));
  EXPECT_TRUE(reply.ok);
  go.set_value();
  EXPECT_THAT(handled.Await(3),
              ElementsAre(client_->id() + " usual", another->id() + " large", another->id() + " second"));
  service_.reset();
  aside.Stop();
}

TEST_F(ControlTest, ARequestWhoseEndHasPassedIsToldTheTimeAndNothingIsDone) {
  Collector<milliseconds> left;
  const FixedClock noon(kNoon);
  ServeNotingEnds(left, noon);
  ControlRequest request = Request();
  for (const std::int64_t until :
       {kNoonMs, kNoonMs - 1, std::int64_t{0}, std::numeric_limits<std::int64_t>::min()}) {
    request.until = until;
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(EncodeControlRequest(request)));
    EXPECT_EQ(reply.code, "stale_request") << until;
    EXPECT_EQ(NowOfStaleRequest(reply), kNoonMs);
  }
  EXPECT_THAT(left.Await(1, milliseconds(0)), IsEmpty());
}

TEST_F(ControlTest, ARequestEndsWhenItSaysOrWhenPeersGiveUpOrAfterAMinute) {
  Collector<milliseconds> left;
  const FixedClock noon(kNoon);
  ServeNotingEnds(left, noon);
  ControlRequest request = Request();
  for (const std::optional<std::int64_t> until :
       {std::optional<std::int64_t>(kNoonMs + 30'000), std::optional<std::int64_t>(),
        std::optional<std::int64_t>(kNoonMs + 600'000),
        std::optional<std::int64_t>(std::numeric_limits<std::int64_t>::max())}) {
    request.until = until;
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, Send(EncodeControlRequest(request)));
    EXPECT_TRUE(reply.ok);
  }
  const auto about = [](milliseconds whole) { return AllOf(Le(whole), Gt(whole - milliseconds(4'000))); };
  EXPECT_THAT(left.Await(4), ElementsAre(about(milliseconds(30'000)), about(kPeersWait), about(kLongestEnd),
                                         about(kLongestEnd)));
}

// The asker's clock is ten minutes ahead, right, or ten minutes behind.
TEST_F(ControlTest, AnAskerWhoseClockIsWrongIsServed) {
  Collector<milliseconds> left;
  const FixedClock noon(kNoon);
  ServeNotingEnds(left, noon);
  for (const int minutes : {10, 0, -10}) {
    const FixedClock clock(kNoon + std::chrono::minutes(minutes));
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                            RequestControl(*client_, "main", kSelfService, Request(), kTimeout, clock));
    EXPECT_TRUE(reply.ok) << minutes << ": " << reply.error;
  }
  // Nobody can know that the first does not wait for a minute.
  EXPECT_THAT(left.Await(3),
              ElementsAre(Gt(milliseconds(5'000)), Le(milliseconds(5'000)), Le(milliseconds(5'000))));
}

TEST_F(ControlTest, AStaleRequestIsSentOnceMoreAtMost) {
  const auto requests_if_told = [&](const Json& now) {
    Collector<std::int64_t> ends;
    service_.reset();
    Serve([&](const ControlCall& call, const ControlResponder& respond) {
      ends.Add(*call.request.until);
      ControlReply reply = ControlReply::StaleRequest("too late", 0);
      reply.data["now"] = now;
      respond(reply);
    });
    const auto reply = RequestControl(*client_, "main", kSelfService, Request(), kTimeout);
    EXPECT_THAT(reply, IsOk());
    EXPECT_EQ(reply->code, "stale_request");
    service_.reset();
    return ends.Await(1).size();
  };
  const auto now = std::chrono::system_clock::now().time_since_epoch() + std::chrono::seconds(30);
  EXPECT_EQ(requests_if_told(std::chrono::floor<milliseconds>(now).count()), 2U);
  // What no clock shows is not reckoned with.
  for (const Json& odd : {Json(std::numeric_limits<std::int64_t>::max()), Json(-1), Json("noon"), Json()}) {
    EXPECT_EQ(requests_if_told(odd), 1U) << odd;
  }
}

// A service whose connection is cut, and the asker on a connection of its own that stays.
class LostAnswerTest : public ControlTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ControlTest::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(broker_->port()));
    ConnectionOptions options;
    options.servers = {proxy_->url()};
    options.reconnect_wait = milliseconds(10);
    options.on_bind = [this](Connection& connection) {
      answers_.SendAgain(connection, std::chrono::steady_clock::now());
      return absl::OkStatus();
    };
    options.on_state = [this](bool connected) { states_.Add(connected); };
    MW_ASSERT_OK_AND_ASSIGN(server_, Connection::Open(std::move(options)));
    Serve([this](const ControlCall&, const ControlResponder& respond) { taken_.Add(respond); },
          {.answers = &answers_});
  }
  void TearDown() override {
    service_.reset();
    for (const ControlResponder& respond : taken_.Await(0)) respond(ControlReply::Ok({}));
    server_.reset();
    client_.reset();
  }
  // Asks, and returns how to answer.
  ControlResponder Ask() {
    client_->RequestAsync(ControlSubject("main", kSelfService, client_->id()),
                          EncodeControlRequest(Request()), kTimeout,
                          [this](const absl::StatusOr<NatsMessage>& answer) {
                            heard_.Add(answer.ok() ? answer->payload : answer.status().ToString());
                          });
    return taken_.Await(1).at(0);
  }
  void AwaitState(bool connected) {
    ASSERT_TRUE(states_.AwaitLast([=](bool state) { return state == connected; }));
  }

  std::unique_ptr<TcpProxy> proxy_;
  KeptAnswers answers_{KeptAnswers::Options{}};
  Collector<bool> states_;
  Collector<ControlResponder> taken_;
  Collector<std::string> heard_;
};

TEST_F(LostAnswerTest, AnAnswerGivenWhileTheConnectionIsAwayGoesOutWhenItIsBack) {
  const ControlResponder respond = Ask();
  proxy_->Refuse(true);
  proxy_->Cut();
  AwaitState(false);
  respond(ControlReply::Ok({{"n", 1}}));
  proxy_->Refuse(false);
  EXPECT_THAT(heard_.Await(1, kTimeout), ElementsAre(R"({"ok":true,"data":{"n":1}})"));
}

TEST_F(LostAnswerTest, AnAnswerThatTheConnectionLostIsSentAgain) {
  const ControlResponder respond = Ask();
  proxy_->Hang(true);
  respond(ControlReply::Ok({{"n", 1}}));  // taken by the connection, and by nobody else
  proxy_->Cut();
  proxy_->Hang(false);
  EXPECT_THAT(heard_.Await(1, kTimeout), ElementsAre(R"({"ok":true,"data":{"n":1}})"));
}

}  // namespace
}  // namespace meshwarden::control_test
