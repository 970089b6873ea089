#include "endpoint/jetstream/jetstream_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden::jetstream_config_test {
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

TEST(AsOpenMode, AddsTheThresholdAndKeepsTheRest) {
  const ConsumerConfig durable = DmDurableConfig("main", "UABC");
  const ConsumerConfig open = AsOpenMode(durable, std::chrono::seconds(5), std::chrono::seconds(600));
  Json expected = ToJson(durable);
  expected["ack_wait"] = 5'000'000'000;
  expected["inactive_threshold"] = 600'000'000'000;
  EXPECT_EQ(ToJson(open), expected);
}

TEST(HistoryConsumerConfig, BeginsAtASequence) {
  EXPECT_EQ(
      DumpJson(ToJson(HistoryConsumerConfig("chathist_U", "cotal.main.chat.*.general", 7, std::nullopt))),
      R"({"name":"chathist_U","deliver_policy":"by_start_sequence","ack_policy":"none",)"
      R"("filter_subject":"cotal.main.chat.*.general","mem_storage":true,)"
      R"("inactive_threshold":30000000000,"opt_start_seq":7})");
  EXPECT_EQ(HistoryConsumerConfig("c", "a", 0, std::nullopt).extra.at("opt_start_seq"), 1);
}

TEST(HistoryConsumerConfig, BeginsAtATimeInsteadIfThereIsOne) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1'795'321'753'047)};
  const Json json = ToJson(HistoryConsumerConfig("c", "a", 7, time));
  EXPECT_EQ(json.at("deliver_policy"), "by_start_time");
  EXPECT_EQ(json.at("opt_start_time"), "2026-11-22T04:29:13.047000000Z");
  EXPECT_FALSE(json.contains("opt_start_seq"));
  const Json early = ToJson(HistoryConsumerConfig("c", "a", 7, std::chrono::system_clock::time_point::min()));
  EXPECT_EQ(early.at("opt_start_time"), "1970-01-01T00:00:00.000000000Z");
}

TEST(BucketWatchConsumerConfig, BeginsWithTheLastRecords) {
  const BucketWatchConfig watch = {.bucket = "b",
                                   .name = "oc_1",
                                   .deliver_subject = "_INBOX_U.1",
                                   .heartbeat = std::chrono::seconds(5),
                                   .inactive_threshold = std::chrono::seconds(30)};
  EXPECT_EQ(DumpJson(ToJson(BucketWatchConsumerConfig(watch))),
            R"({"name":"oc_1","deliver_policy":"last_per_subject","ack_policy":"none",)"
            R"("filter_subject":"$KV.b.>","deliver_subject":"_INBOX_U.1","flow_control":true,)"
            R"("idle_heartbeat":5000000000,"inactive_threshold":30000000000,"mem_storage":true,)"
            R"("num_replicas":1,"max_deliver":1})");
}

ConsumerConfig Chat() { return *ChatDurableConfig("main", "UABC", std::vector<std::string>{"general"}); }

TEST(BeginningAt, TakesASequenceOrATimeAndKeepsTheRest) {
  Json expected = ToJson(Chat());
  expected["deliver_policy"] = "by_start_sequence";
  expected["opt_start_seq"] = 7;
  EXPECT_EQ(ToJson(BeginningAt(Chat(), {.seq = 7, .time = {}})), expected);
  EXPECT_EQ(BeginningAt(Chat(), {.seq = 0, .time = {}}).extra.at("opt_start_seq"), 1);
  const ConsumerConfig since = BeginningAt(Chat(), {.seq = std::nullopt, .time = {}});
  EXPECT_EQ(since.deliver_policy, "by_start_time");
  EXPECT_EQ(since.extra.at("opt_start_time"), "1970-01-01T00:00:00.000000000Z");
  EXPECT_FALSE(WasMadeAnew(Chat()));
  EXPECT_TRUE(WasMadeAnew(since));
}

}  // namespace
}  // namespace meshwarden::jetstream_config_test
