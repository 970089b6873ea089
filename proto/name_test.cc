#include "proto/name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::name_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ValidateNameTest, NamesOfPeoplePass) {
  EXPECT_THAT(ValidateName("Ada Lovelace"), IsOk());
  EXPECT_THAT(ValidateName("日本"), IsOk());
}

TEST(ValidateNameTest, EmptyAndPaddedNamesAreRefused) {
  for (const char* name : {"", " ", " x", "x\u00A0", "x\r"}) {
    EXPECT_THAT(ValidateName(name), StatusIs(kInvalid, HasSubstr("no surrounding whitespace"))) << name;
  }
}

TEST(ValidateNameTest, SlashIsRefused) {
  EXPECT_THAT(ValidateName("a/b"),
              StatusIs(kInvalid, "invalid name \"a/b\": \"/\" is reserved (the owner/name separator)"));
}

TEST(ValidateNameTest, SecondLineIsRefusedAndQuoted) {
  EXPECT_THAT(ValidateName("a\nb"), StatusIs(kInvalid, "invalid name \"a\\nb\": must be a single line"));
  EXPECT_THAT(ValidateName("a\rb"), StatusIs(kInvalid, HasSubstr("single line")));
}

TEST(ValidateNameTest, LengthIsBounded) {
  EXPECT_THAT(ValidateName(std::string(kMaxNameBytes, 'a')), IsOk());
  EXPECT_THAT(ValidateName(std::string(kMaxNameBytes + 1, 'a')), StatusIs(kInvalid, HasSubstr("257 bytes")));
}

}  // namespace
}  // namespace meshwarden::name_test
