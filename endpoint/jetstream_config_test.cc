#include "endpoint/jetstream_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ChatDurableConfig, CollapsesTheFilterAndHasNoThreshold) {
  const std::vector<std::string> channels = {"general", "team.a", "team.>", "general"};
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig config, ChatDurableConfig("main", "UABC", channels));
  EXPECT_THAT(config.Filters(), ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.>"));
  EXPECT_EQ(DumpJson(ToJson(config)),
            R"({"durable_name":"chat_UABC","deliver_policy":"new","ack_policy":"explicit",)"
            R"("ack_wait":60000000000,)"
            R"("filter_subjects":["cotal.main.chat.*.general","cotal.main.chat.*.team.>"]})");
}

TEST(ChatDurableConfig, NoChannelsAndBadChannelsAreRefused) {
  EXPECT_THAT(ChatDurableConfig("main", "UABC", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty filter")));
  const std::vector<std::string> bad = {"foo/bar"};
  EXPECT_THAT(ChatDurableConfig("main", "UABC", bad), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ConsumerConfig, FieldsThatAreNotTypedSurviveTheWayThroughJson) {
  const Json json = {
      {"durable_name", "d"}, {"max_waiting", 512}, {"filter_subject", "a.b"}, {"metadata", {{"x", "y"}}}};
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig config, ConsumerConfigFromJson(json));
  EXPECT_THAT(config.Filters(), ElementsAre("a.b"));
  EXPECT_TRUE(Contains(ToJson(config), json));
  EXPECT_EQ(ToJson(config).size(), json.size());
}

TEST(ConsumerConfig, WrongTypesAreRefused) {
  EXPECT_THAT(ConsumerConfigFromJson(Json::array()), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ConsumerConfigFromJson({{"filter_subjects", "a"}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ConsumerConfigFromJson({{"ack_wait", "60s"}}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Contains, IgnoresWhatTheBrokerAddsAndSeesEveryDifference) {
  const Json actual = {{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}};
  EXPECT_TRUE(Contains(actual, {{"b", {{"c", 2}}}}));
  EXPECT_FALSE(Contains(actual, {{"b", {{"c", 3}}}}));
  EXPECT_FALSE(Contains(actual, {{"e", 1}}));
  EXPECT_FALSE(Contains({{"list", {1, 2}}}, {{"list", {1}}}));
}

}  // namespace
}  // namespace meshwarden
