#include "endpoint/nats/permission_violation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::permission_violation_test {
namespace {

using Operation = PermissionViolation::Operation;
using ::testing::Optional;

TEST(PermissionViolationTest, PublishIsRead) {
  EXPECT_THAT(
      ParsePermissionViolation("Permissions Violation for Publish to \"a.b\""),
      Optional(PermissionViolation{.operation = Operation::kPublish, .subject = "a.b", .cut = false}));
}

TEST(PermissionViolationTest, SubscriptionIsReadWithAndWithoutQueue) {
  const PermissionViolation violation{.operation = Operation::kSubscribe, .subject = "a.>", .cut = false};
  EXPECT_THAT(ParsePermissionViolation("Permissions Violation for Subscription to \"a.>\""),
              Optional(violation));
  EXPECT_THAT(ParsePermissionViolation("Permissions Violation for Subscription to \"a.>\" using queue \"q\""),
              Optional(violation));
}

TEST(PermissionViolationTest, SubjectCutShortIsMarked) {
  EXPECT_THAT(ParsePermissionViolation("Permissions Violation for Publish to \"a.b"),
              Optional(PermissionViolation{.operation = Operation::kPublish, .subject = "a.b", .cut = true}));
}

TEST(PermissionViolationTest, OtherTextsAreNothing) {
  EXPECT_EQ(ParsePermissionViolation(""), std::nullopt);
  EXPECT_EQ(ParsePermissionViolation("Slow Consumer"), std::nullopt);
  EXPECT_EQ(ParsePermissionViolation("x Permissions Violation for Publish to \"a\""), std::nullopt);
  EXPECT_EQ(ParsePermissionViolation("Permissions Violation for Publish to \""), std::nullopt);
  EXPECT_EQ(ParsePermissionViolation("Permissions Violation for Publish to \"\""), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::permission_violation_test
