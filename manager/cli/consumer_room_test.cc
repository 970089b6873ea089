#include "manager/cli/consumer_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace meshwarden::consumer_room_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;

Json AccountWith(std::int64_t consumers) { return {{"limits", {{"max_consumers", consumers}}}}; }

TEST(ConsumerRoom, ALargeLimitIsEnough) {
  EXPECT_EQ(WarnAboutAccount(AccountWith(1'000'000), "2.15.1", 10'000), std::nullopt);
  EXPECT_EQ(WarnAboutAccount(AccountWith(20'000), "2.10.27", 10'000), std::nullopt);
}

TEST(ConsumerRoom, OneLessIsTooFew) {
  EXPECT_THAT(WarnAboutAccount(AccountWith(19'999), "2.10.27", 10'000),
              Optional(AllOf(HasSubstr("19999 consumers"), HasSubstr("enough for 9999 agents"))));
}

TEST(ConsumerRoom, NoLimitIsBoundedByServersFrom215On) {
  EXPECT_EQ(WarnAboutAccount(AccountWith(-1), "2.14.3", 10'000), std::nullopt);
  EXPECT_THAT(WarnAboutAccount(AccountWith(-1), "2.15.0", 10'000),
              Optional(AllOf(HasSubstr("1000 consumers"), HasSubstr("\"consumer\": 1000000"))));
  EXPECT_THAT(WarnAboutAccount(Json::object(), "3.0.0", 501), Optional(HasSubstr("1000 consumers")));
  EXPECT_EQ(WarnAboutAccount(AccountWith(-1), "2.15.0", 500), std::nullopt);
}

TEST(ConsumerRoom, AStreamsOwnLimitCounts) {
  EXPECT_EQ(WarnAboutStream({{"name", "CHAT_main"}, {"max_consumers", -1}}, 10'000), std::nullopt);
  EXPECT_THAT(WarnAboutStream({{"name", "CHAT_main"}, {"max_consumers", 100}}, 10'000),
              Optional(AllOf(HasSubstr("stream CHAT_main"), HasSubstr("enough for 50 agents"))));
  EXPECT_EQ(WarnAboutStream(Json::array(), 10'000), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::consumer_room_test
