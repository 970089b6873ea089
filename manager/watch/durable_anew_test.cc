#include "manager/watch/durable_anew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/durable_comparison.h"
#include "policy/loader.h"

namespace meshwarden::durable_anew_test {
namespace {

using ::testing::ElementsAre;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  bob: { subscribe: [general], allowSubscribe: [general, "team.>"] }
)";

class ChatDurableAnewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    policy_ = ParsePolicy(kPolicy, "policy.yaml").policy;
    ASSERT_NE(policy_, nullptr);
    known_.deliveries = 5;
    known_.position = 9;
    known_.settled = 7;
    known_.filters = {"cotal.main.chat.*.team.a", "cotal.main.chat.*.general"};
  }
  ConsumerConfig Anew(const KnownDurable* known) {
    absl::StatusOr<ConsumerConfig> config =
        ChatDurableAnew({.space = "main", .id = "UA", .known = known, .lost_at = SystemTime(kLostAt)},
                        *policy_->FindByName("bob"));
    EXPECT_THAT(config, testing::IsOk());
    return config.value_or(ConsumerConfig{});
  }

  static constexpr std::chrono::seconds kLostAt{1'000};
  std::shared_ptr<const Policy> policy_;
  KnownDurable known_;
};

TEST_F(ChatDurableAnewTest, GoesOnBehindWhatWasSettledWithTheChannelsThatItRead) {
  const ConsumerConfig config = Anew(&known_);
  EXPECT_EQ(config.deliver_policy, "by_start_sequence");
  EXPECT_EQ(config.extra.at("opt_start_seq"), 8);
  EXPECT_THAT(config.Filters(), ElementsAre("cotal.main.chat.*.team.a", "cotal.main.chat.*.general"));
  const ConsumerConfig contract = *ChatDurableConfig("main", "UA", std::vector<std::string>{"general"});
  EXPECT_EQ(TextOf(CompareDurables(config, contract, CompareFilters::kNo)), "");
}

TEST_F(ChatDurableAnewTest, OfUnknownPlaceItGoesBackByTheTimeThatAMessageMayWait) {
  known_.settled = std::nullopt;
  EXPECT_EQ(Anew(&known_).deliver_policy, "by_start_time");
  EXPECT_EQ(Anew(&known_).extra.at("opt_start_time"), "1970-01-01T00:15:40.000000000Z");
}

TEST_F(ChatDurableAnewTest, NeverListedItReadsTheChannelsAtBirth) {
  const ConsumerConfig config = Anew(nullptr);
  EXPECT_EQ(config.deliver_policy, "by_start_time");
  EXPECT_THAT(config.Filters(), ElementsAre("cotal.main.chat.*.general"));
}

TEST_F(ChatDurableAnewTest, DropsWhatTodaysPolicyDoesNotAllow) {
  known_.filters = {"cotal.main.chat.*.secret", "cotal.main.chat.*.team.a", "cotal.main.inst.*.x"};
  EXPECT_THAT(Anew(&known_).Filters(), ElementsAre("cotal.main.chat.*.team.a"));
}

TEST_F(ChatDurableAnewTest, HasAFilterWhateverItRead) {
  for (const std::vector<std::string>& filters : {std::vector<std::string>{"cotal.main.chat.*.secret"}, {}}) {
    known_.filters = filters;
    EXPECT_THAT(Anew(&known_).Filters(), ElementsAre("cotal.main.chat.*.general"));
  }
}

TEST_F(ChatDurableAnewTest, OneThatNobodyHasUsedIsAsAtBirth) {
  known_.deliveries = 0;
  EXPECT_EQ(Anew(&known_).deliver_policy, "new");
  // One with a reader has been used, and one that was made anew before goes on where that did.
  known_.waiting = 1;
  EXPECT_EQ(Anew(&known_).deliver_policy, "by_start_sequence");
  known_.waiting = 0;
  known_.made_anew = true;
  EXPECT_EQ(Anew(&known_).deliver_policy, "by_start_sequence");
}

}  // namespace
}  // namespace meshwarden::durable_anew_test
