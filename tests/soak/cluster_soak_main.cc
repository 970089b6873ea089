// Runs endpoints on a cluster whose servers fail, and prints what came of it: cluster_soak [--minutes N]
// [--seed S]
// [--endpoints N] [--hold SECONDS] [--fault NAME]... [--patience FACTOR] [--details]. The exit code is 0 only
// if all that must be was so.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/status.h"
#include "tests/soak/cluster_soak.h"

namespace {

using meshwarden::testing::ClusterFault;
using meshwarden::testing::ClusterSoakOptions;

// Those of `names`; all, if there are none.
bool Select(const std::vector<std::string>& names, std::vector<ClusterFault>& faults) {
  if (names.empty()) return true;
  std::vector<ClusterFault> selected;
  for (const std::string& name : names) {
    const auto found = std::find_if(faults.begin(), faults.end(),
                                    [&](const ClusterFault& fault) { return NameOf(fault) == name; });
    if (found == faults.end()) {
      fmt::print(stderr, "cluster_soak: no fault \"{}\"; there are:", name);
      for (const ClusterFault& fault : faults) fmt::print(stderr, " {}", NameOf(fault));
      fmt::print(stderr, "\n");
      return false;
    }
    selected.push_back(*found);
  }
  faults = std::move(selected);
  return true;
}

void Widen(meshwarden::testing::ClusterBounds& bounds, double factor) {
  for (std::chrono::milliseconds* bound :
       {&bounds.call, &bounds.away_killed, &bounds.away, &bounds.back, &bounds.published}) {
    *bound = std::chrono::milliseconds(static_cast<long>(static_cast<double>(bound->count()) * factor));
  }
}

}  // namespace

int main(int argc, char** argv) {
  double minutes = 4;
  double hold = 12;
  double patience = 1;
  bool details = false;
  std::vector<std::string> names;
  ClusterSoakOptions options;
  CLI::App app("Endpoints talk on three servers that are killed, stopped and cut off under them.");
  app.add_option("--minutes", minutes, "as many rounds of all faults as fit, at least one")
      ->check(CLI::PositiveNumber);
  app.add_option("--endpoints", options.endpoints, "at least 4");
  app.add_option("--seed", options.seed, "of all that is drawn");
  app.add_option("--rate", options.rate, "messages a second of each endpoint")->check(CLI::PositiveNumber);
  app.add_option("--hold", hold, "for how many seconds a fault lasts")->check(CLI::PositiveNumber);
  app.add_option("--fault", names, "only this one; may be given several times");
  app.add_option("--patience", patience, "all bounds of time are this many times as wide")
      ->check(CLI::PositiveNumber);
  app.add_flag("--details", details, "print what helps to find a fault, whatever the verdict");
  CLI11_PARSE(app, argc, argv);
  if (!Select(names, options.faults)) return 2;
  options.hold = std::chrono::milliseconds(static_cast<long>(hold * 1000));
  const double round = static_cast<double>(options.faults.size()) * (hold + 5) / 60;
  options.rounds = std::max<std::size_t>(1, static_cast<std::size_t>(minutes / round));
  options.verbose = true;
  Widen(options.bounds, patience);
  const auto report = meshwarden::testing::RunClusterSoak(options);
  if (!report.ok()) {
    fmt::print(stderr, "cluster_soak: {}\n", meshwarden::MessageOf(report.status()));
    return 2;
  }
  fmt::print("{}\n", report->Text());
  const absl::Status verdict = report->Verdict();
  if (details || !verdict.ok()) fmt::print(stderr, "{}\n", report->details);
  if (verdict.ok()) return 0;
  fmt::print(stderr, "cluster_soak: {}\n", meshwarden::MessageOf(verdict));
  return 1;
}
