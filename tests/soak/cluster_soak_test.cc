// Half a minute of a cluster whose servers fail. The bounds of time are wide: a loaded machine takes long
// over an election. `cluster_soak` is for all faults, and for the narrow ones.
#include "tests/soak/cluster_soak.h"

#include <gtest/gtest.h>

#include <iostream>

#include "base/status_matchers.h"

namespace meshwarden::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(ClusterSoakTest, ServersThatFailLoseAndDoubleNothing) {
  ClusterSoakOptions options;
  options.faults = {{.deed = Deed::kKill, .victim = Victim::kChatLeader},
                    {.deed = Deed::kStop, .victim = Victim::kMetaLeader},
                    {.deed = Deed::kCutServers, .victim = Victim::kChatLeader}};
  options.hold = seconds(4);
  options.pause = seconds(0);
  options.endpoints = 6;
  options.tasks = false;
  options.bounds = {.call = seconds(25),
                    .away_killed = seconds(25),
                    .away = seconds(25),
                    .back = seconds(25),
                    .published = seconds(45)};
  MW_ASSERT_OK_AND_ASSIGN(const ClusterSoakReport report, RunClusterSoak(options));
  std::cout << report.Text() << "\n";
  EXPECT_THAT(report.Verdict(), IsOk()) << report.details;
}

ClusterSoakReport GoodReport() {
  ClusterSoakReport report;
  report.figures = {.confirmed = {10'000, 5'000, 2'000, 1'000}};
  report.joins = 30;
  report.faults = {{.name = "kill-follower", .away = seconds(1)},
                   {.name = "stop-follower", .away = seconds(5)}};
  return report;
}

TEST(ClusterVerdictTest, GoodFiguresPass) { EXPECT_THAT(GoodReport().Verdict(), IsOk()); }

TEST(ClusterVerdictTest, WhatIsWrongFails) {
  for (std::uint64_t ClusterSoakReport::*figure : {&ClusterSoakReport::lost, &ClusterSoakReport::wrong_oks}) {
    ClusterSoakReport report = GoodReport();
    report.*figure = 1;
    EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kDataLoss));
  }
  ClusterSoakReport report = GoodReport();
  report.figures.duplicated = 1;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kDataLoss));
  report = GoodReport();
  report.durables_lost = 1;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kInternal));
}

TEST(ClusterVerdictTest, WhatTakesTooLongFails) {
  const auto too_long = [](std::string_view what) {
    return StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr(what));
  };
  ClusterSoakReport report = GoodReport();
  report.slowest_call = seconds(6);
  EXPECT_THAT(report.Verdict(), too_long("call"));
  report = GoodReport();
  report.faults[0].away = seconds(5);
  EXPECT_THAT(report.Verdict(), too_long("kill-follower"));
  report = GoodReport();
  report.faults[1].back = seconds(4);
  EXPECT_THAT(report.Verdict(), too_long("stop-follower"));
  report = GoodReport();
  report.faults[1].published = seconds(13);
  EXPECT_THAT(report.Verdict(), too_long("published"));
}

TEST(ClusterVerdictTest, TooLittleFails) {
  ClusterSoakReport report = GoodReport();
  report.joins = 0;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("too little")));
}

}  // namespace
}  // namespace meshwarden::testing
