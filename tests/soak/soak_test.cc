// Some seconds of the soak, and that its verdict can be a bad one.
#include "tests/soak/soak.h"

#include <iostream>

#include "base/status_matchers.h"

namespace meshwarden::testing {
namespace {

using ::testing::HasSubstr;

TEST(SoakTest, SecondsOfTrafficUnderRestartsLoseAndDoubleNothing) {
  MW_ASSERT_OK_AND_ASSIGN(const SoakReport report, RunSoak({.traffic = std::chrono::seconds(12)}));
  std::cout << report.Line() << "\n";
  EXPECT_THAT(report.Verdict(), IsOk()) << report.Line() << "\n" << report.details;
}

SoakReport GoodReport() {
  SoakReport report;
  report.figures = {.confirmed = {10'000, 5'000, 2'000, 1'000}, .delivered = {190'000, 50'000, 2'000, 1'000}};
  report.historical = 1000;
  report.joins = 30;
  report.leaves = 30;
  report.restarts = 4;
  report.reconnects = 80;
  return report;
}

TEST(SoakVerdictTest, GoodFiguresPass) { EXPECT_THAT(GoodReport().Verdict(), IsOk()); }

TEST(SoakVerdictTest, LossDuplicatesStraysAndFaultsFail) {
  SoakReport report = GoodReport();
  report.lost = 1;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lost 1")));
  report = GoodReport();
  report.figures.duplicated = 1;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("duplicated 1")));
  report = GoodReport();
  report.figures.strayed = 1;
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("strayed 1")));
  report = GoodReport();
  report.fault = absl::PermissionDeniedError("no");
  EXPECT_THAT(report.Verdict(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(SoakVerdictTest, TooLittleOfAnythingFails) {
  const auto too_little = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("too little"));
  for (std::size_t flow = 0; flow < kFlows; ++flow) {
    SoakReport report = GoodReport();
    report.figures.confirmed[flow] = 0;
    EXPECT_THAT(report.Verdict(), too_little) << flow;
    report = GoodReport();
    report.figures.delivered[flow] = 0;
    EXPECT_THAT(report.Verdict(), too_little) << flow;
  }
  for (std::uint64_t SoakReport::*figure : {&SoakReport::historical, &SoakReport::joins, &SoakReport::leaves,
                                            &SoakReport::restarts, &SoakReport::reconnects}) {
    SoakReport report = GoodReport();
    report.*figure = 0;
    EXPECT_THAT(report.Verdict(), too_little);
  }
}

}  // namespace
}  // namespace meshwarden::testing
