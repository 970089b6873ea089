// E19: one identity in two processes is noticed by both, and nothing else is taken for that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/names.h"
#include "proto/presence.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e19_twins_test {
namespace {

using std::chrono::milliseconds;

constexpr char kTold[] = "another process runs under this id";

class TwinsTest : public BothModes {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("bob"));
    options_.heartbeat = milliseconds(200);
    // They would take each other's messages, and say that, too.
    options_.receive = false;
  }
  // A record under bob's id, as another program with its credential would write it.
  absl::Status Write(const std::string& stamp, PresenceStatus status = PresenceStatus::kIdle) {
    Presence record;
    record.card.id = options_.card.id;
    record.card.name = "bob";
    record.status = status;
    record.ts = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
    if (!stamp.empty()) record.unknown["meshwardenStart"] = stamp;
    return space_->Store(BucketSubject(PresenceBucket("main"), options_.card.id), EncodePresence(record))
        .status();
  }
  // That often, a heartbeat apart.
  void WriteAgainAndAgain(const std::string& stamp, PresenceStatus status = PresenceStatus::kIdle) {
    for (int time = 0; time < 4; ++time) {
      ASSERT_THAT(Write(stamp, status), IsOk());
      EXPECT_FALSE(Eventually([] { return false; }, options_.heartbeat));
    }
  }
  static bool IsTold(Member& member) { return member.AwaitError(kTold, milliseconds(600)); }

  EndpointOptions options_;
};
INSTANTIATE_TEST_SUITE_P(, TwinsTest, kBothModes, kModeName);

TEST_P(TwinsTest, E19_OneIdentityInTwoProcessesIsToldToBoth) {
  MW_ASSERT_OK_AND_ASSIGN(const auto one, space_->Enter(options_));
  MW_ASSERT_OK_AND_ASSIGN(const auto other, space_->Enter(options_));
  EXPECT_TRUE(one->AwaitError(kTold));
  EXPECT_TRUE(other->AwaitError(kTold));
}

TEST_P(TwinsTest, E19_ARestartIsNoSecondProcess) {
  for (int life = 0; life < 3; ++life) {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
    EXPECT_FALSE(IsTold(*bob));
  }
}

// Killed, with a record in the bucket and one on its way.
TEST_P(TwinsTest, E19_WhatAFormerLifeLeftIsNoSecondProcess) {
  ASSERT_THAT(space_->Enter(options_), IsOk());  // in open mode it makes the bucket
  ASSERT_THAT(Write("1700000000000-former"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(Write("1700000000000-former"), IsOk());
  EXPECT_FALSE(IsTold(*bob));
  WriteAgainAndAgain("1700000000000-former", PresenceStatus::kOffline);
  EXPECT_FALSE(IsTold(*bob));
}

// It may well be one, but says nothing by which that could be known.
TEST_P(TwinsTest, E19_APeersRecordWithoutAStampIsNoSecondProcess) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  WriteAgainAndAgain("");
  EXPECT_FALSE(IsTold(*bob));
  WriteAgainAndAgain("1700000000000-other");
  EXPECT_TRUE(bob->AwaitError("started at 2023-11-14T22:13:20Z"));
}

TEST_P(TwinsTest, E19_ALostConnectionIsNoSecondProcess) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options_));
  ASSERT_THAT(bob->endpoint->Reconnect(), IsOk());
  EXPECT_FALSE(IsTold(*bob));
}

}  // namespace
}  // namespace meshwarden::testing::e19_twins_test
