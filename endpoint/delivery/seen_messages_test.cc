#include "endpoint/delivery/seen_messages.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace meshwarden::seen_messages_test {
namespace {

using Verdict = SeenMessages::Verdict;

constexpr StoredAt kFirst{Delivery::kChannel, 7};

class SeenMessagesTest : public ::testing::Test {
 protected:
  Verdict Admit(const std::string& id, StoredAt at = kFirst) { return seen_.Admit("UA", id, at); }
  void AdmitAndSettle(const std::string& id) {
    EXPECT_EQ(Admit(id), Verdict::kNew);
    seen_.HandedOver("UA", id);
    seen_.Settled("UA", id);
  }

  SeenMessages seen_{4};
};

TEST_F(SeenMessagesTest, MessageIsNewOnce) {
  EXPECT_EQ(Admit("1"), Verdict::kNew);
  EXPECT_EQ(Admit("1"), Verdict::kHeld);
  EXPECT_EQ(Admit("1"), Verdict::kHeld);
}

TEST_F(SeenMessagesTest, RedeliveryOfAnUnsettledMessageIsHandedOverAgainOnce) {
  Admit("1");
  seen_.HandedOver("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kAgain);
  EXPECT_EQ(Admit("1"), Verdict::kHeld);
  seen_.HandedOver("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kAgain);
}

TEST_F(SeenMessagesTest, SettledMessageIsNotHandedOverAgain) {
  AdmitAndSettle("1");
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, MessageSettledInsideItsHandlerStaysSettled) {
  Admit("1");
  seen_.Settled("UA", "1");
  seen_.HandedOver("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, AnotherPlaceIsACopyInEveryState) {
  constexpr StoredAt kLater{Delivery::kChannel, 8};
  constexpr StoredAt kOtherStream{Delivery::kDm, 7};
  const auto expect_copies = [&] {
    EXPECT_EQ(Admit("1", kLater), Verdict::kCopy);
    EXPECT_EQ(Admit("1", kOtherStream), Verdict::kCopy);
  };
  Admit("1");
  expect_copies();
  seen_.HandedOver("UA", "1");
  expect_copies();
  EXPECT_EQ(Admit("1"), Verdict::kAgain) << "a copy does not hold the message";
  seen_.Settled("UA", "1");
  expect_copies();
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, IdsOfAnotherSenderAreOthers) {
  AdmitAndSettle("1");
  EXPECT_EQ(seen_.Admit("UB", "1", {Delivery::kChannel, 9}), Verdict::kNew);
}

TEST_F(SeenMessagesTest, SenderAndIdDoNotRunTogether) {
  EXPECT_EQ(seen_.Admit("ab", "c", kFirst), Verdict::kNew);
  EXPECT_EQ(seen_.Admit("a", "bc", kFirst), Verdict::kNew);
  EXPECT_EQ(seen_.Admit("", "abc", kFirst), Verdict::kNew);
  EXPECT_EQ(seen_.Admit("abc", "", kFirst), Verdict::kNew);
}

TEST_F(SeenMessagesTest, ForgottenMessageIsNewAlsoFromAnotherPlace) {
  Admit("1");
  seen_.Forget("UA", "1");
  EXPECT_EQ(Admit("1", {Delivery::kChannel, 8}), Verdict::kNew);
}

TEST_F(SeenMessagesTest, OnlyHeldMessagesAreForgotten) {
  AdmitAndSettle("1");
  seen_.Forget("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
  Admit("2");
  seen_.HandedOver("UA", "2");
  seen_.Forget("UA", "2");
  EXPECT_EQ(Admit("2"), Verdict::kAgain);
}

TEST_F(SeenMessagesTest, SettledWhileItWaitsAgainOutlastsForget) {
  Admit("1");
  seen_.HandedOver("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kAgain);
  seen_.Settled("UA", "1");
  seen_.Forget("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, WhatWasNeverAdmittedStaysUnknown) {
  seen_.HandedOver("UA", "1");
  seen_.Settled("UA", "1");
  seen_.Forget("UA", "1");
  EXPECT_EQ(Admit("1"), Verdict::kNew);
}

TEST_F(SeenMessagesTest, LastOnesUpToTheCapacityAreRemembered) {
  for (const char* id : {"1", "2", "3", "4", "5"}) AdmitAndSettle(id);
  for (const char* id : {"2", "3", "4", "5"}) EXPECT_EQ(Admit(id), Verdict::kSettled) << id;
  EXPECT_EQ(Admit("1"), Verdict::kNew);
  EXPECT_EQ(Admit("2"), Verdict::kNew) << "the oldest made room";
}

TEST_F(SeenMessagesTest, SeeingAMessageAgainKeepsIt) {
  AdmitAndSettle("1");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Admit("1"), Verdict::kSettled);
  for (const char* id : {"2", "3", "4"}) AdmitAndSettle(id);
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, SlotLeftByForgetDoesNotEvictTheMessageThatCameAgain) {
  Admit("1");
  Admit("2");
  seen_.Forget("UA", "1");
  AdmitAndSettle("1");  // in the third slot; the first one still names it
  AdmitAndSettle("4");
  AdmitAndSettle("5");  // reuses the first slot
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
}

TEST_F(SeenMessagesTest, WhatComesAgainOutlastsWhatDidNot) {
  for (const char* id : {"1", "2", "3", "4"}) AdmitAndSettle(id);
  EXPECT_EQ(Admit("1"), Verdict::kSettled);  // young again
  for (const char* id : {"5", "6", "7"}) AdmitAndSettle(id);
  EXPECT_EQ(Admit("1"), Verdict::kSettled);
  EXPECT_EQ(Admit("2"), Verdict::kNew);
}

TEST(SeenMessagesCapacityTest, TenThousandOthersDoNotPushAMessageOut) {
  SeenMessages seen;
  EXPECT_EQ(seen.Admit("UA", "first", kFirst), Verdict::kNew);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    EXPECT_EQ(seen.Admit("UB", std::to_string(i), {Delivery::kChannel, i}), Verdict::kNew);
  }
  EXPECT_EQ(seen.Admit("UA", "first", kFirst), Verdict::kHeld);
}

TEST(SeenMessagesCapacityTest, NoCapacityRemembersTheLastOne) {
  SeenMessages seen(0);
  EXPECT_EQ(seen.Admit("UA", "1", kFirst), Verdict::kNew);
  EXPECT_EQ(seen.Admit("UA", "1", kFirst), Verdict::kHeld);
  EXPECT_EQ(seen.Admit("UA", "2", kFirst), Verdict::kNew);
  EXPECT_EQ(seen.Admit("UA", "1", kFirst), Verdict::kNew);
}

TEST(SeenMessagesThreadTest, OneOfManyThreadsTakesEachMessage) {
  constexpr int kMessages = 500;
  SeenMessages seen;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kMessages; ++i) {
        const std::string id = std::to_string(i);
        if (seen.Admit("UA", id, kFirst) != Verdict::kNew) continue;
        ++taken;
        seen.HandedOver("UA", id);
        seen.Settled("UA", id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kMessages);
}

}  // namespace
}  // namespace meshwarden::seen_messages_test
