#include "base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::status_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;

absl::StatusOr<int> Twice(absl::StatusOr<int> input) {
  MW_ASSIGN_OR_RETURN(const int value, std::move(input));
  return 2 * value;
}

absl::Status Pass(const absl::Status& status) {
  MW_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

TEST(Status, MacrosPassValuesAndErrorsOn) {
  EXPECT_THAT(Twice(21), IsOkAndHolds(42));
  EXPECT_THAT(Twice(absl::NotFoundError("gone")), StatusIs(absl::StatusCode::kNotFound, "gone"));
  EXPECT_THAT(Pass(absl::OkStatus()), IsOk());
  EXPECT_THAT(Pass(absl::AbortedError("x")), StatusIs(absl::StatusCode::kAborted));
}

TEST(Status, AnnotateKeepsTheCodeAndPutsTheContextFirst) {
  EXPECT_THAT(Annotate(absl::NotFoundError("no file"), "creds"),
              StatusIs(absl::StatusCode::kNotFound, "creds: no file"));
  EXPECT_THAT(Annotate(absl::OkStatus(), "creds"), IsOk());
}

}  // namespace
}  // namespace meshwarden::status_test
