#include "proto/sender.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::sender_test {
namespace {

using ::meshwarden::testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<Sender> Decode(const std::string& text) {
  Json object = Json::parse(text);
  return TakeSender(object);
}

TEST(SenderTest, FieldsAreReadAndWritten) {
  constexpr const char* kText = R"({"id":"UA","name":"alice","role":"reviewer","x":[1]})";
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender, Decode(std::string("{\"from\":") + kText + "}"));
  EXPECT_EQ(sender.id, "UA");
  EXPECT_EQ(sender.name, "alice");
  EXPECT_EQ(sender.role, "reviewer");
  EXPECT_EQ(EncodeSender(sender).dump(), kText);
}

TEST(SenderTest, IdAloneIsEnough) {
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender, Decode(R"({"from":{"id":"UA"}})"));
  EXPECT_EQ(sender.name, "");
  EXPECT_EQ(EncodeSender(sender).dump(), R"({"id":"UA"})");
}

TEST(SenderTest, SenderThatIsNoObjectIsRefused) {
  for (const char* text : {"{}", R"({"from":null})", R"({"from":"UA"})", R"({"from":[{"id":"UA"}]})"}) {
    EXPECT_THAT(Decode(text), StatusIs(kInvalid, "field \"from\" must be an object")) << text;
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
  EXPECT_THAT(Decode(R"({"from":{}})"), StatusIs(kInvalid, "field \"from\": field \"id\" must be a string"));
  EXPECT_THAT(Decode(R"({"from":{"id":""}})"),
              StatusIs(kInvalid, "field \"from\": field \"id\" must not be empty"));
  EXPECT_THAT(Decode(R"({"from":{"id":"UA","name":7}})"),
              StatusIs(kInvalid, "field \"from\": field \"name\" must be a string"));
  EXPECT_THAT(Decode(R"({"from":{"id":"UA","role":[]}})"),
              StatusIs(kInvalid, "field \"from\": field \"role\" must be a string"));
  EXPECT_THAT(Decode(R"({"from":{"id":null}})"),
              StatusIs(kInvalid, "field \"from\": field \"id\" must be a string"));
}

TEST(SenderTest, NameAndRoleThatAreNullAreNotThere) {
  MW_ASSERT_OK_AND_ASSIGN(const Sender sender,
                          Decode(R"({"from":{"id":"UA","name":null,"role":null,"x":null}})"));
  EXPECT_EQ(sender.name, "");
  EXPECT_EQ(sender.role, std::nullopt);
  EXPECT_EQ(EncodeSender(sender).dump(), R"({"id":"UA","x":null})");
}

}  // namespace
}  // namespace meshwarden::sender_test
