// Runs a soak and prints its figures on one line: soak [--minutes N] [--endpoints N] [--seed S] [--rate R]
// [--details]. The exit code is 0 only if nothing was lost and nothing came twice.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/status.h"
#include "tests/soak/soak.h"

int main(int argc, char** argv) {
  double minutes = 1;
  bool details = false;
  meshwarden::testing::SoakOptions options;
  CLI::App app("Soak: endpoints talk while the broker is killed under them.");
  app.add_option("--minutes", minutes, "of traffic")->check(CLI::PositiveNumber);
  app.add_option("--endpoints", options.endpoints, "at least 4");
  app.add_option("--seed", options.seed, "of all that is drawn");
  app.add_option("--rate", options.rate, "messages a second of each endpoint")->check(CLI::PositiveNumber);
  app.add_flag("--details", details, "print what helps to find a fault, whatever the verdict");
  CLI11_PARSE(app, argc, argv);
  options.traffic = std::chrono::milliseconds(static_cast<long>(minutes * 60'000));
  const auto report = meshwarden::testing::RunSoak(options);
  if (!report.ok()) {
    fmt::print(stderr, "soak: {}\n", meshwarden::MessageOf(report.status()));
    return 2;
  }
  fmt::print("{}\n", report->Line());
  const absl::Status verdict = report->Verdict();
  if (details || !verdict.ok()) fmt::print(stderr, "{}\n", report->details);
  if (verdict.ok()) return 0;
  fmt::print(stderr, "soak: {}\n", meshwarden::MessageOf(verdict));
  return 1;
}
