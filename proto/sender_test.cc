#include "proto/sender.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(SenderTest, FieldsAreReadAndWritten) {
  const Json object = Json::parse(R"({"from":{"id":"UA","name":"alice","role":"reviewer","x":[1]}})");
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender, DecodeSender(object));
  EXPECT_EQ(sender.id, "UA");
  EXPECT_EQ(sender.name, "alice");
  EXPECT_EQ(sender.role, "reviewer");
  EXPECT_EQ(EncodeSender(sender), object["from"]);
}

TEST(SenderTest, IdAloneIsEnough) {
  const Json object = Json::parse(R"({"from":{"id":"UA"}})");
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender, DecodeSender(object));
  EXPECT_EQ(sender.name, "");
  EXPECT_EQ(EncodeSender(sender).dump(), R"({"id":"UA"})");
}

TEST(SenderTest, SenderThatIsNoObjectIsRefused) {
  for (const char* text : {"{}", R"({"from":null})", R"({"from":"UA"})", R"({"from":[{"id":"UA"}]})"}) {
    EXPECT_THAT(DecodeSender(Json::parse(text)), StatusIs(kInvalid, "field \"from\" must be an object"))
        << text;
  }
}

TEST(SenderTest, OnlyTheExactIdIsFromIt) {
  EXPECT_TRUE(IsFrom(Json::parse(R"({"from":{"id":"UA"}})"), "UA"));
  EXPECT_TRUE(IsFrom(Json::parse(R"({"from":{"id":"UA","name":7,"role":[]}})"), "UA"));
  for (const char* text :
       {"{}", R"({"from":null})", R"({"from":"UA"})", R"({"from":["id","UA"]})", R"({"from":{}})",
        R"({"from":{"id":null}})", R"({"from":{"id":["UA"]}})", R"({"from":{"id":""}})",
        R"({"from":{"id":"UA "}})", R"({"from":{"id":"ua"}})", R"({"from":{"id":"UB"}})", R"({"id":"UA"})"}) {
    EXPECT_FALSE(IsFrom(Json::parse(text), "UA")) << text;
  }
  EXPECT_FALSE(IsFrom(Json::parse(R"({"from":{"id":""}})"), ""));
}

TEST(SenderTest, FieldsOfOtherTypesAreRefused) {
  EXPECT_THAT(DecodeSender(Json::parse(R"({"from":{}})")),
              StatusIs(kInvalid, "field \"from\": field \"id\" must be a string"));
  EXPECT_THAT(DecodeSender(Json::parse(R"({"from":{"id":""}})")),
              StatusIs(kInvalid, "field \"from\": field \"id\" must not be empty"));
  EXPECT_THAT(DecodeSender(Json::parse(R"({"from":{"id":"UA","name":7}})")),
              StatusIs(kInvalid, "field \"from\": field \"name\" must be a string"));
  EXPECT_THAT(DecodeSender(Json::parse(R"({"from":{"id":"UA","role":[]}})")),
              StatusIs(kInvalid, "field \"from\": field \"role\" must be a string"));
  EXPECT_THAT(DecodeSender(Json::parse(R"({"from":{"id":null}})")),
              StatusIs(kInvalid, "field \"from\": field \"id\" must be a string"));
}

TEST(SenderTest, NameAndRoleThatAreNullAreNotThere) {
  const Json object = Json::parse(R"({"from":{"id":"UA","name":null,"role":null,"x":null}})");
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender, DecodeSender(object));
  EXPECT_EQ(sender.name, "");
  EXPECT_EQ(sender.role, std::nullopt);
  EXPECT_EQ(EncodeSender(sender).dump(), R"({"id":"UA","x":null})");
}

}  // namespace
}  // namespace meshwarden
