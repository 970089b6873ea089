#include "proto/presence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::presence_test {
namespace {

using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::string_view kIdle =
    R"({"card":{"id":"UA","name":"alice","role":"reviewer","kind":"agent"},"status":"idle","ts":1795408153394})";

void ExpectRefused(const Json& patch, const std::string& why) {
  Json object = Json::parse(kIdle);
  object.merge_patch(patch);
  EXPECT_THAT(DecodePresence(object.dump()), StatusIs(kInvalid, HasSubstr(why))) << patch;
}

TEST(PresenceTest, RecordOfAPeerIsReadAndWrittenAlike) {
  MW_ASSERT_OK_AND_ASSIGN(const Presence presence, DecodePresence(kIdle));
  EXPECT_EQ(presence.card.role, "reviewer");
  EXPECT_EQ(presence.card.kind, CardKind::kAgent);
  EXPECT_EQ(presence.status, PresenceStatus::kIdle);
  EXPECT_EQ(EncodePresence(presence), kIdle);
}

TEST(PresenceTest, EveryFieldOfACardIsKept) {
  constexpr std::string_view kFull =
      R"({"card":{"id":"UA","name":"a","kind":"endpoint","description":"d","tags":["x"],"skills":[{"id":"s"}],)"
      R"("meta":{"k":1},"protocolVersion":"0.2","later":true},"status":"working","activity":"reading","ts":1,)"
      R"("more":[]})";
  MW_ASSERT_OK_AND_ASSIGN(const Presence presence, DecodePresence(kFull));
  EXPECT_THAT(presence.card.tags, ElementsAre("x"));
  EXPECT_EQ(presence.card.protocol_version, kProtocolVersion);
  EXPECT_EQ(presence.activity, "reading");
  EXPECT_EQ(EncodePresence(presence), kFull);
}

TEST(PresenceTest, EachStatusIsKnown) {
  for (const char* status : {"idle", "waiting", "working", "offline"}) {
    Json object = Json::parse(kIdle);
    object["status"] = status;
    MW_ASSERT_OK_AND_ASSIGN(const Presence presence, DecodePresence(object.dump()));
    EXPECT_EQ(NameOf(presence.status), status);
  }
}

TEST(PresenceTest, UnknownStatusAndKindAreRefused) {
  ExpectRefused({{"status", "busy"}},
                R"(presence: field "status" must be one of "idle", "waiting", "working", "offline")");
  ExpectRefused({{"status", nullptr}}, R"(field "status" must be a string)");
  ExpectRefused({{"card", {{"kind", "person"}}}}, R"(field "kind" must be one of "agent", "endpoint")");
}

TEST(PresenceTest, MissingAndOddFieldsAreNamed) {
  ExpectRefused({{"card", nullptr}}, R"(field "card" must be an object)");
  ExpectRefused({{"card", {{"id", ""}}}}, R"(field "card": field "id" must not be empty)");
  ExpectRefused({{"card", {{"name", nullptr}}}}, R"(field "card": field "name" must be a string)");
  ExpectRefused({{"card", {{"tags", "x"}}}}, R"(field "tags" must be a list of strings)");
  ExpectRefused({{"card", {{"skills", "x"}}}}, R"(field "skills" must be an array)");
  ExpectRefused({{"card", {{"meta", 7}}}}, R"(field "meta" must be an object)");
  ExpectRefused({{"ts", "now"}}, R"(field "ts")");
}

TEST(PresenceTest, OptionalFieldsThatAreNullAreNotThere) {
  Json object = Json::parse(kIdle);
  object["activity"] = nullptr;
  for (const char* key : {"role", "description", "tags", "skills", "meta", "protocolVersion"}) {
    object["card"][key] = nullptr;
  }
  MW_ASSERT_OK_AND_ASSIGN(const Presence presence, DecodePresence(object.dump()));
  EXPECT_EQ(presence.activity, std::nullopt);
  EXPECT_EQ(presence.card.role, std::nullopt);
  EXPECT_TRUE(presence.card.tags.empty());
  EXPECT_EQ(EncodePresence(presence),
            R"({"card":{"id":"UA","name":"alice","kind":"agent"},"status":"idle","ts":1795408153394})");
}

TEST(PresenceTest, RequiredFieldsThatAreNullAreRefused) {
  for (const char* key : {"card", "status", "ts"}) {
    Json object = Json::parse(kIdle);
    object[key] = nullptr;
    EXPECT_THAT(DecodePresence(object.dump()), StatusIs(kInvalid, HasSubstr(key)));
  }
  for (const char* key : {"id", "name", "kind"}) {
    Json object = Json::parse(kIdle);
    object["card"][key] = nullptr;
    EXPECT_THAT(DecodePresence(object.dump()), StatusIs(kInvalid, HasSubstr(key)));
  }
}

TEST(PresenceTest, HalfOfAPairInATextIsReadAsAReplacement) {
  std::string text(kIdle);
  text.replace(text.find("alice"), 5, R"(cut \ud83d)");
  MW_ASSERT_OK_AND_ASSIGN(const Presence presence, DecodePresence(text));
  EXPECT_EQ(presence.card.name, "cut \uFFFD");
}

TEST(PresenceTest, SizeIsBounded) {
  EXPECT_THAT(DecodePresence(std::string(kMaxPresenceBytes + 1, ' ')),
              StatusIs(kInvalid, HasSubstr("65536")));
  EXPECT_THAT(DecodePresence(""), StatusIs(kInvalid, HasSubstr("presence: ")));
}

}  // namespace
}  // namespace meshwarden::presence_test
