#include "provisioning/space/server_version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::server_version_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Verdict = ServerVersionVerdict;

TEST(ServerVersion, RecommendedReleasesAreFine) {
  for (const char* version : {"2.12.12", "2.12.13", "2.14.3", "2.15.0", "2.15.1-RC.1", "3.0.0"}) {
    EXPECT_EQ(CheckServerVersion(version).verdict, Verdict::kFine) << version;
    EXPECT_THAT(CheckServerVersion(version).message, IsEmpty());
  }
}

TEST(ServerVersion, ReleasesWithKnownDefectsAreNamedOutdated) {
  for (const char* version : {"2.10.0", "2.10.27", "2.11.99", "2.12.11", "2.13.50", "2.14.0", "2.14.2"}) {
    EXPECT_EQ(CheckServerVersion(version).verdict, Verdict::kOutdated) << version;
  }
  EXPECT_THAT(CheckServerVersion("2.10.27").message, AllOf(HasSubstr("2.10.27"), HasSubstr("upgrade to")));
}

TEST(ServerVersion, ReleasesWithoutFilterListsAreTooOld) {
  for (const char* version : {"2.9.25", "1.4.1", "0.0.0"}) {
    EXPECT_EQ(CheckServerVersion(version).verdict, Verdict::kTooOld) << version;
  }
  EXPECT_THAT(CheckServerVersion("2.9.25").message, AllOf(HasSubstr("2.9.25"), HasSubstr("install")));
}

TEST(ServerVersion, WhatIsNoVersionIsTooOld) {
  for (const char* version : {"", "x", "2", "2.10", "2.10.", "2..10", "99999999999.1.1"}) {
    EXPECT_EQ(CheckServerVersion(version).verdict, Verdict::kTooOld) << version;
  }
}

TEST(ServerVersion, ConsumersAreBoundedFrom215On) {
  EXPECT_FALSE(BoundsConsumersByDefault("2.14.9"));
  EXPECT_TRUE(BoundsConsumersByDefault("2.15.0"));
  EXPECT_FALSE(BoundsConsumersByDefault("unknown"));
}

}  // namespace
}  // namespace meshwarden::server_version_test
