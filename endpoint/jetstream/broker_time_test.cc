#include "endpoint/jetstream/broker_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace meshwarden::broker_time_test {
namespace {

TEST(BrokerTime, ReadsWhatBrokersWrite) {
  EXPECT_EQ(NanosecondsOf("1970-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(NanosecondsOf("1970-01-02T00:00:01Z"), 86'401'000'000'000u);
  EXPECT_EQ(NanosecondsOf("2024-02-29T23:59:59.5Z"), 1'709'251'199'500'000'000u);
  EXPECT_EQ(NanosecondsOf("2026-11-29T12:03:39.635123456Z"), 1'795'953'819'635'123'456u);
}

TEST(BrokerTime, ReadsNothingElse) {
  for (const std::string text :
       {"", "Z", "2026-11-29", "2026-11-29T12:03:39", "2026-11-29T12:03:39.Z",
        "2026-11-29T12:03:39.1234567890Z", "2026-11-29T12:03:39+01:00", "2026-11-29 12:03:39Z",
        "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-29T24:00:00Z", "2026-11-29T12:60:00Z",
        "2026-11-29T12:03:39.5Zx", "-026-11-29T12:03:39Z", "2026-+1-29T12:03:39Z", "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"}) {
    EXPECT_EQ(NanosecondsOf(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace meshwarden::broker_time_test
