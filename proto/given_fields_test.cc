#include "proto/given_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/status_matchers.h"

namespace meshwarden::given_fields_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class GivenFieldsTest : public ::testing::Test {
 protected:
  const Json object_ = Json::parse(R"({"s":"x","l":["a"],"none":null,"odd":["a",null],"no":false})");
};

TEST_F(GivenFieldsTest, WhatIsThereIsRead) {
  EXPECT_THAT(GivenString(object_, "s"), IsOkAndHolds(Optional(std::string("x"))));
  EXPECT_THAT(GivenStrings(object_, "l"), IsOkAndHolds(Optional(ElementsAre("a"))));
  EXPECT_EQ(GivenField(object_, "no"), &object_["no"]);
}

TEST_F(GivenFieldsTest, NullIsNotThere) {
  for (const char* key : {"none", "absent"}) {
    EXPECT_THAT(GivenString(object_, key), IsOkAndHolds(Eq(std::nullopt))) << key;
    EXPECT_THAT(GivenStrings(object_, key), IsOkAndHolds(Eq(std::nullopt))) << key;
    EXPECT_EQ(GivenField(object_, key), nullptr) << key;
  }
}

TEST_F(GivenFieldsTest, OtherTypesAreNamed) {
  EXPECT_THAT(GivenString(object_, "no"), StatusIs(kInvalid, HasSubstr("\"no\"")));
  EXPECT_THAT(GivenStrings(object_, "s"), StatusIs(kInvalid, HasSubstr("\"s\"")));
  EXPECT_THAT(GivenStrings(object_, "odd"), StatusIs(kInvalid, HasSubstr("\"odd\"")));
}

}  // namespace
}  // namespace meshwarden::given_fields_test
