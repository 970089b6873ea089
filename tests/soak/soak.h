// Many endpoints at once, for as long as you like: they talk, join and leave rooms, the broker is killed
// under them, and in the end nothing that was confirmed is missing and nothing came twice.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/soak/ledger.h"

namespace meshwarden::testing {

struct SoakOptions {
  std::chrono::milliseconds traffic = std::chrono::minutes(1);
  std::size_t endpoints = 20;
  std::uint64_t seed = 1;
  // Messages a second of each endpoint. A message whose acknowledgement is lost with a connection comes again
  // after the broker's minute; what an endpoint meets in that time must fit into its memory of ids.
  double rate = 20;
};

struct SoakReport {
  SoakOptions options;
  LedgerFigures figures;
  std::uint64_t published = 0;
  std::uint64_t lost = 0;
  // Durables with deliveries that nobody acknowledged in the end. No part of the verdict: a killed broker can
  // come back with a delivery that it counts as pending and sends to nobody again.
  std::uint64_t unsettled = 0;
  std::uint64_t historical = 0;
  std::uint64_t joins = 0;
  std::uint64_t leaves = 0;
  std::uint64_t refused = 0;  // joins and leaves that had to be made again
  std::uint64_t restarts = 0;
  std::uint64_t forgotten = 0;  // durables whose state the broker lost in a restart
  std::uint64_t remade = 0;     // role queues that the manager made anew
  std::uint64_t reconnects = 0;
  std::uint64_t errors = 0;  // reported by endpoints outside calls
  std::size_t max_resident_bytes = 0;
  absl::Status fault;   // an error that nothing explains
  std::string details;  // what helps to find it; several lines

  std::uint64_t Confirmed() const;
  std::uint64_t Delivered() const;
  // All figures on one line.
  std::string Line() const;
  // Not OK if anything was lost, came twice or strayed, or if too little happened to tell.
  absl::Status Verdict() const;
};

// Call it on a thread that outlives the run. An error means that the soak itself could not be set up or went
// wrong.
absl::StatusOr<SoakReport> RunSoak(const SoakOptions& options);

}  // namespace meshwarden::testing
