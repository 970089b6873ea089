#include "endpoint/buckets/twin_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace meshwarden::twin_watch_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds kHeartbeat{2000};

class TwinWatchTest : public ::testing::Test {
 protected:
  static Presence Record(const std::optional<std::string>& stamp) {
    Presence presence;
    if (stamp.has_value()) presence.unknown[kStartField] = *stamp;
    return presence;
  }
  void Hear(const std::optional<std::string>& stamp, milliseconds later,
            PresenceStatus status = PresenceStatus::kIdle) {
    now_ += later;
    Presence presence = Record(stamp);
    presence.status = status;
    twins_.Heard(presence, ++seq_, now_);
  }
  // One heartbeat after the other.
  void HearBoth(const std::string& other) {
    Hear("1-own", kHeartbeat / 2);
    Hear(other, kHeartbeat / 2);
  }
  std::optional<std::string> News() { return twins_.TakeNews(now_); }

  TwinWatch twins_{"1-own", kHeartbeat};
  TwinWatch::TimePoint now_{};
  std::uint64_t seq_ = 0;
};

TEST_F(TwinWatchTest, AnotherThatIsHeardAgainIsToldOnce) {
  HearBoth("2-other");
  EXPECT_EQ(News(), std::nullopt);
  HearBoth("2-other");
  EXPECT_EQ(News(), "2-other");
  HearBoth("2-other");
  EXPECT_EQ(News(), std::nullopt);
}

TEST_F(TwinWatchTest, OnesThatCameAndWentHideNoLaterOne) {
  Hear("1-own", milliseconds(1));
  for (int i = 0; i < 20; ++i) Hear("0-gone" + std::to_string(i), milliseconds(1));
  HearBoth("2-other");
  HearBoth("2-other");
  EXPECT_EQ(News(), "2-other");
}

TEST_F(TwinWatchTest, WhatAFormerLifeHasLeftIsNone) {
  Hear("0-former", milliseconds(0));
  Hear("0-former", kHeartbeat);
  Hear("1-own", milliseconds(1));
  // On its way when it died: at most moments apart.
  Hear("0-former", milliseconds(10));
  Hear("0-former", milliseconds(10));
  for (int i = 0; i < 5; ++i) Hear("1-own", kHeartbeat);
  EXPECT_EQ(News(), std::nullopt);
}

TEST_F(TwinWatchTest, AGoodbyeIsNone) {
  Hear("1-own", milliseconds(0));
  Hear("0-former", milliseconds(10));
  Hear("0-former", kHeartbeat, PresenceStatus::kOffline);
  Hear("0-former", kHeartbeat, PresenceStatus::kOffline);
  EXPECT_EQ(News(), std::nullopt);
}

TEST_F(TwinWatchTest, APeerWithoutAStampIsNone) {
  for (int i = 0; i < 5; ++i) {
    Hear("1-own", kHeartbeat / 2);
    Hear(std::nullopt, kHeartbeat / 2);
  }
  EXPECT_EQ(News(), std::nullopt);
}

TEST_F(TwinWatchTest, TheSameRecordAgainIsNotHeardTwice) {
  Hear("1-own", milliseconds(0));
  Hear("0-former", milliseconds(10));
  now_ += kHeartbeat;
  twins_.Heard(Record("0-former"), seq_, now_);
  EXPECT_EQ(News(), std::nullopt);
}

TEST_F(TwinWatchTest, AnotherWatchBeginsAnew) {
  Hear("1-own", milliseconds(0));
  Hear("2-other", milliseconds(10));
  twins_.Begin();
  Hear("2-other", kHeartbeat);
  EXPECT_EQ(News(), std::nullopt);
  HearBoth("2-other");
  HearBoth("2-other");
  EXPECT_EQ(News(), "2-other");
}

TEST_F(TwinWatchTest, ABucketThatWasMadeAnewBeginsAnew) {
  seq_ = 100;
  Hear("1-own", milliseconds(0));
  Hear("2-other", milliseconds(10));
  seq_ = 0;
  Hear("2-other", kHeartbeat);
  EXPECT_EQ(News(), std::nullopt);
}

// Whoever can have records written under this id may choose their stamps.
TEST_F(TwinWatchTest, ManyStampsAreToldSlowlyAndForgotten) {
  int told = 0;
  for (int i = 0; i < 100; ++i) {
    for (int time = 0; time < 3; ++time) HearBoth(std::to_string(i) + "-x");
    if (News().has_value()) ++told;
  }
  EXPECT_LE(told, 8);
}

TEST_F(TwinWatchTest, AnotherThatStaysIsToldAgainSomeTime) {
  HearBoth("2-other");
  HearBoth("2-other");
  ASSERT_EQ(News(), "2-other");
  now_ += minutes(10);
  HearBoth("2-other");
  EXPECT_EQ(News(), "2-other");
}

TEST(StartStampOf, IsAStampOrNothing) {
  const auto of = [](Json value) {
    Presence presence;
    presence.unknown[kStartField] = std::move(value);
    return StartStampOf(presence);
  };
  EXPECT_EQ(of("1-a"), "1-a");
  EXPECT_EQ(of(7), std::nullopt);
  EXPECT_EQ(of(""), std::nullopt);
  EXPECT_EQ(of(std::string(65, '1')), std::nullopt);
  EXPECT_EQ(of("1\n2"), std::nullopt);
  EXPECT_EQ(StartStampOf(Presence()), std::nullopt);
}

TEST(DescribeTwin, SaysWhenItStarted) {
  EXPECT_THAT(DescribeTwin("1800000000123-abc"), HasSubstr("2027-01-15T08:00:00Z"));
  EXPECT_THAT(DescribeTwin("99999999999999999999-abc"), Not(HasSubstr("started")));
  EXPECT_THAT(DescribeTwin("abc"), Not(HasSubstr("started")));
  EXPECT_NE(NewStartStamp(), NewStartStamp());
}

}  // namespace
}  // namespace meshwarden::twin_watch_test
