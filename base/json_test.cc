#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden::json_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr JsonLimits kSmall{.max_bytes = 200, .max_depth = 4, .max_values = 10};
constexpr JsonLimits kLarge;

TEST(ParseJson, KeepsTheOrderOfKeys) {
  MW_ASSERT_OK_AND_ASSIGN(const Json value, ParseJson(R"({"z":1,"a":[true,null]})", kSmall));
  EXPECT_EQ(DumpJson(value), R"({"z":1,"a":[true,null]})");
}

TEST(ParseJson, DepthAtTheLimitIsReadAndOnePastIsRefused) {
  EXPECT_THAT(ParseJson("[[[[]]]]", kSmall), IsOk());
  EXPECT_THAT(ParseJson("[[[[[]]]]]", kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("deeper than 4")));
}

TEST(ParseJson, SizeAtTheLimitIsReadAndOnePastIsRefused) {
  const std::string at_limit = "\"" + std::string(198, 'x') + "\"";
  EXPECT_THAT(ParseJson(at_limit, kSmall), IsOk());
  EXPECT_THAT(ParseJson(at_limit + " ", kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("201")));
}

TEST(ParseJson, CountAtTheLimitIsReadAndOnePastIsRefused) {
  EXPECT_THAT(ParseJson("[1,2,3,4,5,6,7,8,9]", kSmall), IsOk());
  EXPECT_THAT(ParseJson("[1,2,3,4,5,6,7,8,9,10]", kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 10 values")));
}

TEST(ParseJson, RepeatedKeyIsRefused) {
  EXPECT_THAT(ParseJson(R"({"a":1,"a":2})", kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"a\" appears twice")));
  EXPECT_THAT(ParseJson(R"({"a":1,"b":{"a":2}})", kSmall), IsOk());
  EXPECT_THAT(ParseJson(R"({"a":1,"\u0061":2})", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ParseJson, ARepeatedKeyIsShownSoThatItCannotSteerATerminal) {
  const std::string key = R"(\u001b)" + std::string(62, 'k') + "é";
  EXPECT_THAT(ParseJson("{\"" + key + "\":1,\"" + key + "\":2}", kLarge),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "key \"\\u001b" + std::string(62, 'k') + "…\" appears twice"));
}

TEST(ParseJson, BrokenTextIsRefused) {
  EXPECT_THAT(ParseJson("", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseJson("{\"a\":1} x", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseJson(std::string("{}\0", 3), kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, "not valid JSON at byte 3"));
  EXPECT_THAT(ParseJson(std::string("{}\0{", 4), kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseJson("\"\xff\"", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseJson("1e999", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ParseJson, WhatWasReadIsWrittenAlike) {
  for (const char* text :
       {"null", "[]", "{}", "[[],{},[{}],\"\",0,-1,1.5,true]", R"({"":{"":[{"a":{"b":[1]},"c":2}]},"z":[]})",
        R"({"i":9,"h":8,"g":7,"f":6,"e":5,"d":4,"c":3,"b":2,"a":1,"j":{"b":[],"a":"x"}})"}) {
    MW_ASSERT_OK_AND_ASSIGN(const Json value, ParseJson(text, kLarge));
    EXPECT_EQ(DumpJson(value), text);
    EXPECT_EQ(value, Json::parse(text)) << text;
  }
}

TEST(ParseJson, HalfOfAPairThatStandsAloneIsReadAsAReplacement) {
  MW_ASSERT_OK_AND_ASSIGN(const Json value, ParseJson(R"({"\ude00":["a\ud83d","\ud83d\ude00"]})", kSmall));
  EXPECT_EQ(value, Json({{"\uFFFD", {"a\uFFFD", "\U0001F600"}}}));
  // Not so in bytes, which are no text at all.
  EXPECT_THAT(ParseJson("\"\xED\xA0\xBD\"", kSmall), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ParseJson, AKeyDoesNotEndAtANul) {
  MW_ASSERT_OK_AND_ASSIGN(const Json value, ParseJson(R"({"a\u0000b":1,"a":2,"a\u0000c":3})", kSmall));
  EXPECT_EQ(*RequiredInteger(value, "a"), 2);
  EXPECT_EQ(DumpJson(value), R"({"a\u0000b":1,"a":2,"a\u0000c":3})");
}

TEST(ParseJson, ManyKeysAreReadInTheirOrder) {
  std::string text;
  for (int i = 40'000; i > 0; --i) text += (text.empty() ? "{\"" : ",\"") + std::to_string(i) + "\":0";
  MW_ASSERT_OK_AND_ASSIGN(const Json value, ParseJson(text + "}", kLarge));
  EXPECT_EQ(DumpJson(value), text + "}");
  EXPECT_THAT(ParseJson(text + ",\"7\":1}", kLarge),
              StatusIs(absl::StatusCode::kInvalidArgument, "key \"7\" appears twice"));
}

TEST(ParseJsonObject, OtherValuesAreRefused) {
  EXPECT_THAT(ParseJsonObject("[]", kSmall),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("object")));
  EXPECT_THAT(ParseJsonObject("{}", kSmall), IsOk());
}

TEST(Fields, MissingAndMistypedOnesAreTold) {
  MW_ASSERT_OK_AND_ASSIGN(const Json object, ParseJson(R"({"s":"x","n":3,"l":["a",1]})", kSmall));
  EXPECT_EQ(*RequiredString(object, "s"), "x");
  EXPECT_THAT(RequiredString(object, "n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"n\"")));
  EXPECT_EQ(*OptionalString(object, "absent"), std::nullopt);
  EXPECT_THAT(*OptionalString(object, "s"), Optional(std::string("x")));
  MW_ASSERT_OK_AND_ASSIGN(const Json null, ParseJson(R"({"s":null})", kSmall));
  EXPECT_THAT(OptionalString(null, "s"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(OptionalStrings(null, "s"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(*RequiredInteger(object, "n"), 3);
  EXPECT_THAT(OptionalStrings(object, "l"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Fields, ANumberBeyondTheRangeIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const Json object, ParseJson(R"({"n":18446744073709551615})", kSmall));
  EXPECT_THAT(RequiredInteger(object, "n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2^63")));
}

TEST(DumpJson, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(DumpJson(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace meshwarden::json_test
