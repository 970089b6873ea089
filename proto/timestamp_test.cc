#include "proto/timestamp.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/status_matchers.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;

TEST(TimestampTest, MillisecondsAreRead) {
  const Timestamp ts{std::chrono::milliseconds(1795408154253)};
  EXPECT_THAT(DecodeTimestamp(Json::parse(R"({"ts":1795408154253})")), IsOkAndHolds(ts));
  EXPECT_EQ(EncodeTimestamp(ts).dump(), "1795408154253");
}

TEST(TimestampTest, LargestThatPeersHoldIsRead) {
  EXPECT_THAT(DecodeTimestamp(Json::parse(R"({"ts":9007199254740991})")), testing::IsOk());
  EXPECT_THAT(DecodeTimestamp(Json::parse(R"({"ts":9007199254740992})")),
              StatusIs(absl::StatusCode::kInvalidArgument, "field \"ts\" must be milliseconds since 1970"));
}

TEST(TimestampTest, OtherValuesAreRefused) {
  for (const char* text : {"{}", R"({"ts":-1})", R"({"ts":1.5})", R"({"ts":"1"})", R"({"ts":null})",
                           R"({"ts":18446744073709551615})"}) {
    EXPECT_THAT(DecodeTimestamp(Json::parse(text)), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace meshwarden
