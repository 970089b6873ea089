#include "proto/timestamp.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/status_matchers.h"

namespace meshwarden::timestamp_test {
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

TEST(TimestampTest, AFractionIsCutOff) {
  const auto read = [](const char* text) { return DecodeTimestamp(Json::parse(text)); };
  const auto at = [](std::int64_t count) { return Timestamp(std::chrono::milliseconds(count)); };
  EXPECT_THAT(read(R"({"ts":1795408154253.4})"), IsOkAndHolds(at(1795408154253)));
  EXPECT_THAT(read(R"({"ts":1795408154253.9})"), IsOkAndHolds(at(1795408154253)));
  EXPECT_THAT(read(R"({"ts":1.7e12})"), IsOkAndHolds(at(1700000000000)));
  EXPECT_THAT(read(R"({"ts":0.9})"), IsOkAndHolds(at(0)));
  EXPECT_THAT(read(R"({"ts":-0.9})"), IsOkAndHolds(at(0)));
  EXPECT_THAT(read(R"({"ts":9007199254740991.0})"), IsOkAndHolds(at(9007199254740991)));
}

TEST(TimestampTest, NumbersBeyondTheRangeAreRefused) {
  for (const char* text :
       {R"({"ts":-1.0})", R"({"ts":-1e300})", R"({"ts":1e300})", R"({"ts":9007199254740992.0})",
        R"({"ts":9.3e18})", R"({"ts":18446744073709551616})"}) {
    EXPECT_THAT(DecodeTimestamp(Json::parse(text)),
                StatusIs(absl::StatusCode::kInvalidArgument, "field \"ts\" must be milliseconds since 1970"))
        << text;
  }
  for (const double odd : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    Json object = Json::object();
    object["ts"] = odd;
    EXPECT_THAT(DecodeTimestamp(object), StatusIs(absl::StatusCode::kInvalidArgument)) << odd;
  }
}

TEST(TimestampTest, OtherValuesAreRefused) {
  for (const char* text :
       {"{}", R"({"ts":-1})", R"({"ts":"1"})", R"({"ts":null})", R"({"ts":18446744073709551615})"}) {
    EXPECT_THAT(DecodeTimestamp(Json::parse(text)), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace meshwarden::timestamp_test
