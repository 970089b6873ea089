#include "base/text/closest_name.h"

#include <gtest/gtest.h>

#include <array>

namespace meshwarden::closest_name_test {
namespace {

constexpr std::array<std::string_view, 5> kKeys = {"subscribe", "allowSubscribe", "allowPublish", "role",
                                                   "id"};

TEST(ClosestName, FindsTheMisspelt) {
  EXPECT_EQ(ClosestName("subcribe", kKeys), "subscribe") << "a letter missing";
  EXPECT_EQ(ClosestName("allowSubscribes", kKeys), "allowSubscribe") << "a letter too many";
  EXPECT_EQ(ClosestName("allowPublihs", kKeys), "allowPublish") << "two letters swapped";
  EXPECT_EQ(ClosestName("rule", kKeys), "role") << "another letter";
}

TEST(ClosestName, SpellingHabitsCountNothing) {
  EXPECT_EQ(ClosestName("allow_subscribe", kKeys), "allowSubscribe");
  EXPECT_EQ(ClosestName("ALLOW-PUBLISH", kKeys), "allowPublish");
  EXPECT_EQ(ClosestName("ID", kKeys), "id");
}

TEST(ClosestName, FindsNothingForWhatIsNotClose) {
  EXPECT_EQ(ClosestName("owner", kKeys), std::nullopt);
  EXPECT_EQ(ClosestName("x", kKeys), std::nullopt) << "one edit makes any letter another";
  EXPECT_EQ(ClosestName("", kKeys), std::nullopt);
  EXPECT_EQ(ClosestName("_-", kKeys), std::nullopt);
  EXPECT_EQ(ClosestName("subscribe", {}), std::nullopt);
}

TEST(ClosestName, TakesTheClosestAndOfEqualsTheFirst) {
  constexpr std::array<std::string_view, 3> names = {"worker-10", "worker-12", "worker-2"};
  EXPECT_EQ(ClosestName("worker-1", names), "worker-10");
  EXPECT_EQ(ClosestName("wrker-2", names), "worker-2");
}

TEST(ClosestName, NeverTheNameItself) {
  constexpr std::array<std::string_view, 1> names = {"worker"};
  EXPECT_EQ(ClosestName("worker", names), std::nullopt);
}

TEST(ClosestName, LooksAtSoManyCharactersOnly) {
  const std::string at_limit(64, 'a');
  const std::string past_limit(65, 'a');
  const std::string near = std::string(63, 'a') + "b";
  const std::array<std::string_view, 1> names = {near};
  EXPECT_EQ(ClosestName(at_limit, names), near);
  EXPECT_EQ(ClosestName(past_limit, names), std::nullopt);
}

TEST(DidYouMean, IsAQuestionOrNothing) {
  EXPECT_EQ(DidYouMean("rol", kKeys), "did you mean role?");
  EXPECT_EQ(DidYouMean("owner", kKeys), "");
}

}  // namespace
}  // namespace meshwarden::closest_name_test
