#include "endpoint/space/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/broker.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kTimeout{5};

TEST(IsReplyOf, TakesOnlyWhatLiesBelowTheSendersInbox) {
  EXPECT_TRUE(IsReplyOf("UA", "_INBOX_UA.x"));
  EXPECT_TRUE(IsReplyOf("UA", "_INBOX_UA.x.1"));
  for (const std::string reply :
       {"", "_INBOX_UA", "_INBOX_UA.", "_INBOX_UA..x", "_INBOX_UA.x.", "_INBOX_UA.x..y", "_INBOX_UB.x",
        "_INBOX_UAX.x", "_INBOX.x", "$JS.API.STREAM.PURGE.CHAT_main", "_INBOX_UA.*", "_INBOX_UA.>",
        "_INBOX_UA.x y", "_INBOX_UA.x\r\n", "x_INBOX_UA.x"}) {
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
  void Serve(ControlHandler handler) {
    MW_ASSERT_OK_AND_ASSIGN(service_, ServeControl(*server_, "main", kSelfService, std::move(handler)));
    ASSERT_THAT(server_->Flush(kTimeout), IsOk());
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
  const std::string inbox = client_->NewInbox();
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

}  // namespace
}  // namespace meshwarden
