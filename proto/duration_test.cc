#include "proto/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::duration_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST(ParseDurationTest, EachUnitIsRead) {
  EXPECT_THAT(ParseDuration("90s"), IsOkAndHolds(milliseconds(90'000)));
  EXPECT_THAT(ParseDuration("30m"), IsOkAndHolds(std::chrono::minutes(30)));
  EXPECT_THAT(ParseDuration("24h"), IsOkAndHolds(hours(24)));
  EXPECT_THAT(ParseDuration("7d"), IsOkAndHolds(hours(168)));
}

TEST(ParseDurationTest, SpacesAroundAndLeadingZerosDoNotMatter) {
  EXPECT_THAT(ParseDuration("\t5m "), IsOkAndHolds(std::chrono::minutes(5)));
  EXPECT_THAT(ParseDuration("00000000000000000000000001h"), IsOkAndHolds(hours(1)));
}

TEST(ParseDurationTest, OtherFormsAreRefused) {
  for (const char* text : {"", "h", "5", "1w", "-1h", "+1h", "1.5h", "5 m", "1h30m", "5M", "0x5m", "١s"}) {
    EXPECT_THAT(ParseDuration(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("invalid duration")))
        << text;
  }
}

TEST(ParseDurationTest, LongestIsReadAndMoreRefused) {
  EXPECT_THAT(ParseDuration("100000d"), IsOkAndHolds(kMaxDuration));
  EXPECT_THAT(ParseDuration("100001d"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "duration \"100001d\" is longer than the 100000 days allowed"));
  EXPECT_THAT(ParseDuration("8640000001s"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer")));
  EXPECT_THAT(ParseDuration(std::string(5000, '9') + "s"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer")));
}

TEST(ParseDurationTest, MessageHasNoControlCharacters) {
  EXPECT_THAT(ParseDuration("5\n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"5\\n\"")));
  EXPECT_THAT(ParseDuration("5\u202e"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"5\\u202e\"")));
}

TEST(ParseDurationTest, MessageShowsTheBeginningOfALongText) {
  EXPECT_THAT(ParseDuration(std::string(63, '5') + "é"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"" + std::string(63, '5') + "…\"")));
}

}  // namespace
}  // namespace meshwarden::duration_test
