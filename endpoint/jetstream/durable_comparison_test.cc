#include "endpoint/jetstream/durable_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace meshwarden::durable_comparison_test {
namespace {

using ::testing::IsEmpty;

ConsumerConfig Chat() { return *ChatDurableConfig("main", "UABC", std::vector<std::string>{"general"}); }
ConsumerConfig Dm() { return DmDurableConfig("main", "UABC"); }

// What a broker adds to a configuration.
ConsumerConfig Reported(ConsumerConfig config) {
  config.name = config.durable_name;
  config.extra.update(Json{{"max_deliver", -1},
                           {"replay_policy", "instant"},
                           {"max_waiting", 512},
                           {"max_ack_pending", 1000},
                           {"num_replicas", 0},
                           {"metadata", {{"_nats.ver", "2.15.1"}}}});
  return config;
}

std::string Differences(const ConsumerConfig& found, const ConsumerConfig& wanted,
                        CompareFilters filters = CompareFilters::kYes) {
  return TextOf(CompareDurables(found, wanted, filters));
}

TEST(CompareDurables, WhatABrokerAddsIsNoDifference) {
  EXPECT_EQ(Differences(Reported(Chat()), Chat()), "");
  EXPECT_EQ(Differences(Reported(Dm()), Dm()), "");
  const ConsumerConfig task = TaskDurableConfig("main", "reviewer");
  EXPECT_EQ(Differences(Reported(task), task), "");
  ConsumerConfig sparse = Chat();  // as 2.10 leaves the name out
  EXPECT_EQ(Differences(sparse, Chat()), "");
  sparse.extra = {{"mem_storage", false}, {"inactive_threshold", 0}, {"deliver_subject", ""}};
  EXPECT_EQ(Differences(sparse, Chat()), "");
}

TEST(CompareDurables, OnlyWhatDeliversTheNewMayHaveBeenMadeAnew) {
  EXPECT_EQ(Differences(Reported(BeginningAt(Chat(), {.seq = 7, .time = {}})), Chat()), "");
  EXPECT_EQ(Differences(Reported(BeginningAt(Chat(), {.seq = std::nullopt, .time = {}})), Chat()), "");
  EXPECT_EQ(Differences(Reported(BeginningAt(Dm(), {.seq = 7, .time = {}})), Dm()),
            R"(deliver_policy is "by_start_sequence", not "all")");
}

TEST(CompareDurables, FiltersAreASet) {
  const ConsumerConfig wanted = *ChatDurableConfig("main", "UABC", std::vector<std::string>{"a", "b"});
  ConsumerConfig found = *ChatDurableConfig("main", "UABC", std::vector<std::string>{"b", "a"});
  EXPECT_EQ(Differences(Reported(found), wanted), "");
  ConsumerConfig single = Dm();
  single.filter_subject.clear();
  single.filter_subjects = Dm().Filters();
  EXPECT_EQ(Differences(single, Dm()), "");
}

TEST(CompareDurables, AnotherFilterIsToldAndDoesNotMendByItself) {
  ConsumerConfig wide = Reported(Dm());
  wide.filter_subject = "cotal.main.inst.*.*";
  const auto differences = CompareDurables(wide, Dm(), CompareFilters::kYes);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].text, R"(filters is ["cotal.main.inst.*.*"], not ["cotal.main.inst.UABC.*"])");
  EXPECT_FALSE(differences[0].mends);
  EXPECT_THAT(CompareDurables(wide, Dm(), CompareFilters::kNo), IsEmpty());
  wide.filter_subject.clear();
  EXPECT_EQ(Differences(wide, Dm()), R"(filters is [], not ["cotal.main.inst.UABC.*"])");
}

TEST(CompareDurables, NamesAndPoliciesStayAsTheyAre) {
  ConsumerConfig other = Reported(Chat());
  other.durable_name = other.name = "chat_UXYZ";
  other.deliver_policy = "all";
  other.ack_policy = "none";
  for (const DurableDifference& difference : CompareDurables(other, Chat(), CompareFilters::kYes)) {
    EXPECT_FALSE(difference.mends) << difference.field;
  }
  EXPECT_EQ(Differences(other, Chat()),
            R"(durable_name is "chat_UXYZ", not "chat_UABC"; name is "chat_UXYZ", not "chat_UABC"; )"
            R"(deliver_policy is "all", not "new"; ack_policy is "none", not "explicit")");
}

// Each alone, with whether an update puts it right.
TEST(CompareDurables, EveryOtherFieldCounts) {
  const std::vector<std::pair<Json, bool>> cases = {{{{"deliver_subject", "x"}}, false},
                                                    {{{"deliver_group", "x"}}, false},
                                                    {{{"replay_policy", "original"}}, false},
                                                    {{{"max_waiting", 1}}, false},
                                                    {{{"mem_storage", true}}, false},
                                                    {{{"flow_control", true}}, false},
                                                    {{{"of_a_later_server", 1}}, false},
                                                    {{{"inactive_threshold", 1}}, true},
                                                    {{{"max_deliver", 1}}, true},
                                                    {{{"max_ack_pending", 1}}, true},
                                                    {{{"headers_only", true}}, true},
                                                    {{{"backoff", {1}}}, true},
                                                    {{{"pause_until", "2999-01-01T00:00:00Z"}}, true}};
  for (const auto& [fields, mends] : cases) {
    ConsumerConfig other = Reported(Chat());
    other.extra.update(fields);
    const auto differences = CompareDurables(other, Chat(), CompareFilters::kYes);
    ASSERT_EQ(differences.size(), 1U) << fields;
    EXPECT_EQ(differences[0].mends, mends) << fields;
    const ConsumerConfig mended = Mended(other, Chat(), differences);
    EXPECT_EQ(CompareDurables(mended, Chat(), CompareFilters::kYes).empty(), mends) << fields;
  }
}

TEST(CompareDurables, MendingKeepsWhereItBegan) {
  ConsumerConfig other = Reported(BeginningAt(Chat(), {.seq = 7, .time = {}}));
  other.ack_wait = std::chrono::seconds(1);
  other.filter_subjects = {"cotal.main.chat.*.ops"};
  auto differences = CompareDurables(other, Chat(), CompareFilters::kYes);
  const ConsumerConfig mended = Mended(other, Chat(), differences);
  EXPECT_EQ(mended.ack_wait, std::chrono::seconds(60));
  EXPECT_EQ(mended.extra.at("opt_start_seq"), 7);
  EXPECT_EQ(mended.filter_subjects, other.filter_subjects);
  for (DurableDifference& difference : differences) difference.mends = true;
  EXPECT_EQ(Mended(other, Chat(), differences).filter_subjects, Chat().filter_subjects);
}

TEST(CompareDurables, AfterAWriteOfOurOwnTheBrokersLimitsStand) {
  ConsumerConfig limited = Reported(Chat());
  limited.extra["max_ack_pending"] = 100;
  EXPECT_THAT(OfOurMaking(CompareDurables(limited, Chat(), CompareFilters::kYes)), IsEmpty());
  limited.extra["max_waiting"] = 1;
  EXPECT_EQ(OfOurMaking(CompareDurables(limited, Chat(), CompareFilters::kYes)).size(), 1U);
}

TEST(CompareDurables, TextsAreFitToBePrinted) {
  ConsumerConfig other = Reported(Chat());
  other.extra["deliver_subject"] =
      "a\xE2\x80\xAE"
      "b\n";
  other.extra[std::string("x\x1b[2J")] = 1;
  const std::string text = Differences(other, Chat());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\xE2\x80\xAE"), std::string::npos);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace meshwarden::durable_comparison_test
