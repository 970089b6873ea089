#include "manager/agent/encode.h"

#include <gtest/gtest.h>

#include <string>

#include "endpoint/api/refusal_code.h"
#include "manager/agent/test_message.h"

namespace meshwarden::encode_test {
namespace {

using ::meshwarden::testing::TestMessage;

constexpr char kMessage[] =
    R"({"id":"01234567-89ab-cdef-0123-456789abcdef","ts":1700000000000,"space":"main",)"
    R"("from":{"id":"a","name":"Ada"},"channel":"general","parts":[{"kind":"text","text":"two\nlines"}]})";

TEST(EncodeTest, Ready) {
  EXPECT_EQ(ReadyEvent("UA", "ma\"in"), R"({"event":"ready","id":"UA","space":"ma\"in"})");
}

TEST(EncodeTest, AMessageIsSplicedInAsItTravels) {
  EXPECT_EQ(MessageEvent(TestMessage(1), std::nullopt), std::string(R"({"event":"message","message":)") +
                                                            kMessage +
                                                            R"(,"kind":"channel","historical":false})");
}

TEST(EncodeTest, ADeliveryStandsLast) {
  EXPECT_EQ(MessageEvent(TestMessage(1, nullptr, Delivery::kDm, /*historical=*/true), "history:1"),
            std::string(R"({"event":"message","message":)") + kMessage +
                R"(,"kind":"dm","historical":true,"delivery":"history:1"})");
}

TEST(EncodeTest, Presence) {
  PresenceEvent event;
  event.type = PresenceChange::kOffline;
  event.presence.card.id = "a";
  event.presence.card.name = "Ada";
  EXPECT_EQ(PresenceLine(event),
            R"({"event":"presence","type":"offline","presence":)" + EncodePresence(event.presence) + "}");
}

TEST(EncodeTest, ConnectionAndError) {
  EXPECT_EQ(ConnectionEvent(true), R"({"event":"connection","connected":true})");
  EXPECT_EQ(ConnectionEvent(false), R"({"event":"connection","connected":false})");
  EXPECT_EQ(ErrorEvent(absl::InternalError("a\nb\xff")), "{\"event\":\"error\",\"error\":\"a\\nb\uFFFD\"}");
}

TEST(EncodeTest, ReplyWithDataIfThereIsAny) {
  EXPECT_EQ(ReplyEvent(7, Done()), R"({"event":"reply","ref":7,"ok":true})");
  EXPECT_EQ(ReplyEvent("x", Done("[]")), R"({"event":"reply","ref":"x","ok":true,"data":[]})");
}

TEST(EncodeTest, ReplyWithAnErrorAndItsCode) {
  EXPECT_EQ(ReplyEvent(nullptr, Failed(absl::NotFoundError("gone"))),
            R"({"event":"reply","ref":null,"ok":false,"error":"gone","code":"not_found"})");
  EXPECT_EQ(ReplyEvent(1, Failed(WithRefusalCode(absl::FailedPreconditionError("no"), "bad_channel"))),
            R"({"event":"reply","ref":1,"ok":false,"error":"no","code":"bad_channel"})");
  EXPECT_EQ(ReplyEvent(1, {.ok = false, .data = {}, .error = "no", .code = "not_allowed"}),
            R"({"event":"reply","ref":1,"ok":false,"error":"no","code":"not_allowed"})");
}

TEST(EncodeTest, Lists) {
  EXPECT_EQ(ListOf({}), "[]");
  EXPECT_EQ(ListOf({"1", "{}"}), "[1,{}]");
}

}  // namespace
}  // namespace meshwarden::encode_test
