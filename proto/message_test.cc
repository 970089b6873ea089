#include "proto/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::message_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::string_view kMulticast =
    R"({"id":"bdd096e1-5303-4525-9c5e-b3111287a323","ts":1795408154253,"space":"main",)"
    R"("from":{"id":"UA","name":"alice","role":"reviewer"},"channel":"general","mentions":["bob"],)"
    R"("parts":[{"kind":"text","text":"hello"}],"contextId":"ctx-1"})";

// The message above with one field set to the JSON text `value`, or without it where that is empty.
std::string With(const std::string& key, const std::string& value) {
  Json object = Json::parse(kMulticast);
  if (value.empty()) {
    object.erase(key);
  } else {
    object[key] = Json::parse(value);
  }
  return object.dump();
}

void ExpectRefused(const std::string& key, const std::string& value, const std::string& why) {
  EXPECT_THAT(DecodeMessage(With(key, value)), StatusIs(kInvalid, HasSubstr(why))) << key << " = " << value;
}

TEST(MessageTest, MessageOfAPeerIsReadAndWrittenAlike) {
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(kMulticast));
  EXPECT_EQ(message.from.name, "alice");
  EXPECT_EQ(message.destination, (Destination{Delivery::kChannel, "general"}));
  EXPECT_THAT(message.mentions, ElementsAre("bob"));
  EXPECT_THAT(message.parts, ElementsAre(Part::Text("hello")));
  EXPECT_EQ(message.context_id, "ctx-1");
  EXPECT_EQ(EncodeMessage(message), kMulticast);
}

TEST(MessageTest, UnicastAndAnycastNameTheirDestination) {
  constexpr std::string_view kUnicast =
      R"({"id":"80cd9724-91c1-4235-9683-995d7f33b302","ts":1,"space":"main","from":{"id":"UA","name":"a"},)"
      R"("to":"UB","parts":[],"replyTo":"bdd096e1"})";
  MW_ASSERT_OK_AND_ASSIGN(MeshMessage message, DecodeMessage(kUnicast));
  EXPECT_EQ(message.destination, (Destination{Delivery::kDm, "UB"}));
  EXPECT_EQ(EncodeMessage(message), kUnicast);
  message.destination = {Delivery::kAnycast, "reviewer"};
  EXPECT_THAT(EncodeMessage(message), HasSubstr(R"("toService":"reviewer","parts")"));
}

TEST(MessageTest, UnknownFieldsAndKindsAreKept) {
  const std::string text = With("parts", R"([{"kind":"data","data":null,"mime":"x"},
                                             {"kind":"com.example.image","text":7,"url":"u"}])");
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(text));
  EXPECT_EQ(message.parts[1].unknown.dump(), R"({"text":7,"url":"u"})");
  EXPECT_EQ(EncodeMessage(message), text);
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage later, DecodeMessage(With("later", "[1]")));
  EXPECT_EQ(EncodeMessage(later), With("later", "[1]"));
}

// The subject tells it to whoever receives the message.
TEST(MessageTest, DestinationMayBeMissingOrSaidTwice) {
  const auto destination = [](const std::string& key, const std::string& value) {
    const auto message = DecodeMessage(With(key, value));
    EXPECT_THAT(message, IsOk()) << key << value;
    return message.ok() ? message->destination : Destination{Delivery::kDm, "refused"};
  };
  for (const char* absent : {"", "\"\"", "null"}) EXPECT_EQ(destination("channel", absent), Destination{});
  EXPECT_EQ(destination("to", "\"UB\""), (Destination{Delivery::kChannel, "general"}));
  EXPECT_EQ(destination("toService", "\"r\""), (Destination{Delivery::kChannel, "general"}));
  ExpectRefused("channel", "7", "field \"channel\"");
}

TEST(MessageTest, IdHasOneToSoManyBytes) {
  const auto quoted = [](std::size_t size) { return '"' + std::string(size, 'x') + '"'; };
  EXPECT_THAT(DecodeMessage(With("id", quoted(1))), IsOk());
  EXPECT_THAT(DecodeMessage(With("id", quoted(kMaxMessageIdBytes))), IsOk());
  for (const std::size_t size : {std::size_t{0}, kMaxMessageIdBytes + 1}) {
    ExpectRefused("id", quoted(size), "message: field \"id\" must have 1 to 128 bytes");
  }
}

TEST(MessageTest, SpaceAndTheSendersNameMayBeMissing) {
  for (const char* absent : {"", "\"\"", "null"}) {
    MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(With("space", absent)));
    EXPECT_EQ(message.space, "");
  }
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(With("from", R"({"id":"UA"})")));
  EXPECT_EQ(message.from.id, "UA");
  EXPECT_EQ(message.from.name, "");
  ExpectRefused("space", "7", "field \"space\"");
}

TEST(MessageTest, MissingAndOddFieldsAreNamed) {
  ExpectRefused("ts", "-1", "field \"ts\"");
  ExpectRefused("from", "", "field \"from\"");
  ExpectRefused("from", R"({"name":"a"})", "field \"from\": field \"id\"");
  ExpectRefused("mentions", "[1]", "field \"mentions\" must be a list of strings");
  ExpectRefused("replyTo", "7", "field \"replyTo\"");
  ExpectRefused("contextId", "{}", "field \"contextId\"");
}

TEST(MessageTest, OptionalFieldsThatAreNullAreNotThere) {
  Json object = Json::parse(kMulticast);
  for (const char* key : {"mentions", "replyTo", "contextId", "to", "toService"}) object[key] = nullptr;
  object["from"]["role"] = nullptr;
  object["later"] = nullptr;
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(object.dump()));
  EXPECT_THAT(message.mentions, IsEmpty());
  EXPECT_EQ(message.from.role, std::nullopt);
  EXPECT_EQ(message.reply_to, std::nullopt);
  EXPECT_EQ(message.context_id, std::nullopt);
  EXPECT_EQ(message.destination, (Destination{Delivery::kChannel, "general"}));
  for (const char* key : {"mentions", "replyTo", "contextId", "to", "toService"}) object.erase(key);
  object["from"].erase("role");
  EXPECT_EQ(EncodeMessage(message), object.dump());
}

TEST(MessageTest, RequiredFieldsThatAreNullAreRefused) {
  for (const char* key : {"id", "ts", "from", "parts"}) {
    ExpectRefused(key, "null", std::string("field \"") + key + "\"");
  }
  ExpectRefused("from", R"({"id":null,"name":"a"})", "field \"id\" must be a string");
  ExpectRefused("mentions", "[null]", "field \"mentions\" must be a list of strings");
  ExpectRefused("parts", R"([{"kind":"text","text":null}])", "field \"text\" must be a string");
}

TEST(MessageTest, OddPartsAreNamed) {
  ExpectRefused("parts", "", "field \"parts\" must be a list");
  ExpectRefused("parts", "{}", "field \"parts\" must be a list");
  ExpectRefused("parts", R"([{"kind":"text","text":"a"},7])", "part 1: must be an object such as");
  ExpectRefused("parts", R"([{"kind":""}])", "part 0: field \"kind\" must not be empty");
  ExpectRefused("parts", R"([{"kind":"text"}])", "part 0: field \"text\" must be a string");
  ExpectRefused("parts", R"([{"kind":"data"}])", "part 0: field \"data\" must be there");
}

TEST(DecodePartsTest, PartsOfAnyObjectAreRead) {
  const Json object = Json::parse(R"({"x":1,"parts":[{"kind":"text","text":"hi","lang":"en"},)"
                                  R"({"kind":"data","data":[2]},{"kind":"com.example.image","text":7}]})");
  MW_ASSERT_OK_AND_ASSIGN(const std::vector<Part> parts, DecodeParts(object));
  Part hi = Part::Text("hi");
  hi.unknown = Json({{"lang", "en"}});
  Part image;
  image.kind = "com.example.image";
  image.unknown = Json({{"text", 7}});
  EXPECT_THAT(parts, ElementsAre(hi, Part::Data(Json::array({2})), image));
  EXPECT_THAT(DecodeParts(Json({{"parts", Json::array()}})), IsOkAndHolds(IsEmpty()));
}

TEST(DecodePartsTest, WhatIsOddIsNamed) {
  const auto expect_refused = [](const char* object, const std::string& why) {
    EXPECT_THAT(DecodeParts(Json::parse(object)), StatusIs(kInvalid, why)) << object;
  };
  expect_refused(R"({})", "field \"parts\" must be a list of objects");
  expect_refused(R"({"parts":null})", "field \"parts\" must be a list of objects");
  expect_refused(R"({"parts":["x"]})", R"(part 0: must be an object such as {"kind":"text","text":"hello"})");
  expect_refused(R"({"parts":[{"kind":"a"},{}]})", "part 1: field \"kind\" must be a string");
}

TEST(MessageTest, SizeDepthAndNumberOfValuesAreBounded) {
  EXPECT_THAT(DecodeMessage(std::string(kMaxMessageBytes + 1, ' ')),
              StatusIs(kInvalid, HasSubstr("1048576")));
  ExpectRefused("x", std::string(kMaxMessageDepth, '[') + std::string(kMaxMessageDepth, ']'),
                "deeper than 128");
  ExpectRefused(
      "x",
      "[" + std::string(2 * kMaxMessageValues, ' ') + "0" +
          [] {
            std::string more;
            for (std::size_t i = 0; i < kMaxMessageValues; ++i) more += ",0";
            return more;
          }() +
          "]",
      "100000 values");
}

// What Node writes and reads without a thought.
TEST(MessageTest, MessagesMayBeAsRichAsThePeers) {
  std::string numbers = "0";
  for (int i = 1; i < 8'200; ++i) numbers += "," + std::to_string(i);
  const std::size_t deepest = kMaxMessageDepth - 3;  // the message, its parts and the part are above
  for (const std::string& data : {"[" + numbers + "]", std::string(30, '[') + std::string(30, ']'),
                                  std::string(deepest, '[') + std::string(deepest, ']')}) {
    const std::string text = With("parts", R"([{"kind":"data","data":)" + data + "}]");
    MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(text));
    EXPECT_EQ(EncodeMessage(message), text);
  }
}

TEST(MessageTest, HalfOfAPairInATextIsReadAsAReplacement) {
  std::string text(kMulticast);
  text.replace(text.find("hello"), 5, R"(cut \ud83d)");
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage message, DecodeMessage(text));
  EXPECT_THAT(message.parts, ElementsAre(Part::Text("cut \uFFFD")));
}

TEST(MessageTest, WhatIsNoMessageIsRefused) {
  for (const char* text : {"", "{}", "[]", "null", "{\"id\":\"\xC3\"}"}) {
    EXPECT_THAT(DecodeMessage(text), StatusIs(kInvalid, HasSubstr("message: "))) << text;
  }
}

}  // namespace
}  // namespace meshwarden::message_test
