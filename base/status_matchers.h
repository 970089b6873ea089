// gMock matchers on absl::Status and absl::StatusOr, which Debian 12's absl does not have.
//
//   EXPECT_THAT(Parse("x"), IsOk());
//   EXPECT_THAT(Parse("1"), IsOkAndHolds(1));
//   EXPECT_THAT(Parse("?"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("digit")));
//   MW_ASSERT_OK_AND_ASSIGN(int value, Parse("1"));
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace meshwarden::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  const absl::Status status = StatusOf(arg);
  *result_listener << "whose status is " << status.ToString();
  return status.ok();
}

MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds the value") {
  if (!arg.ok()) {
    *result_listener << "whose status is " << StatusOf(arg).ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

MATCHER_P(StatusIs, code, "has the given status code") {
  const absl::Status status = StatusOf(arg);
  *result_listener << "whose status is " << status.ToString();
  return status.code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher, "has the given status code and message") {
  const absl::Status status = StatusOf(arg);
  *result_listener << "whose status is " << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(message_matcher, std::string(status.message()), result_listener);
}

}  // namespace meshwarden::testing

// Declares or assigns `target` from the StatusOr `expression`; fails the test and returns if it is an error.
#define MW_ASSERT_OK_AND_ASSIGN(target, expression) \
  MW_ASSERT_OK_AND_ASSIGN_IMPL(MW_TEST_CONCAT(mw_test_, __LINE__), target, expression)
#define MW_ASSERT_OK_AND_ASSIGN_IMPL(temporary, target, expression) \
  auto temporary = (expression);                                    \
  ASSERT_TRUE(temporary.ok()) << temporary.status();                \
  target = *std::move(temporary)
#define MW_TEST_CONCAT(a, b) MW_TEST_CONCAT_IMPL(a, b)
#define MW_TEST_CONCAT_IMPL(a, b) a##b
