// Endpoints on a cluster of three servers whose servers are killed, stopped and cut off one after the other:
// what was confirmed is neither lost nor comes twice, no "done" is wrong, every call ends in time, and
// everybody is back soon.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/soak/ledger.h"

namespace meshwarden::testing {

enum class Deed {
  kKill,
  kStop,        // SIGSTOP: connections stay open
  kCut,         // off from the other servers and from all clients
  kCutServers,  // off from the other servers only: its clients go on talking to it
  kKillTwo,     // so that those who are left are too few to decide anything
  kLameDuck,
};
enum class Victim { kFollower, kMetaLeader, kChatLeader };
struct ClusterFault {
  Deed deed = Deed::kKill;
  Victim victim = Victim::kFollower;
};
// "kill-chat-leader": as they are named on the command line.
std::string NameOf(const ClusterFault& fault);
std::vector<ClusterFault> AllClusterFaults();

struct ClusterBounds {
  std::chrono::milliseconds call{5000};  // of each call
  // Without a connection, from the beginning of the fault: after a server was killed, or anything else was
  // done.
  std::chrono::milliseconds away_killed{2000};
  std::chrono::milliseconds away{6000};
  std::chrono::milliseconds back{3000};  // from the end of the fault until everybody has a connection
  // The same until everybody has published something. That may take an election, or the end of one.
  std::chrono::milliseconds published{12'000};
};

struct ClusterSoakOptions {
  std::vector<ClusterFault> faults = AllClusterFaults();
  std::size_t rounds = 1;                  // of all these faults
  std::chrono::milliseconds hold{12'000};  // for how long a fault lasts
  std::chrono::milliseconds pause{3000};   // between two
  std::size_t endpoints = 10;
  // Whether there are tasks too. One that was on its way to a connection that broke comes after the broker's
  // minute, which has to be waited for in the end.
  bool tasks = true;
  double rate = 5;  // messages a second of each endpoint
  std::uint64_t seed = 1;
  ClusterBounds bounds;
  bool verbose = false;  // tell of each fault on standard error
};

struct FaultFigures {
  std::string name;
  std::size_t lost_connection = 0;  // endpoints
  std::chrono::milliseconds away{0};
  std::chrono::milliseconds back{0};
  std::chrono::milliseconds published{0};
  std::chrono::milliseconds slowest_call{0};
};

struct ClusterSoakReport {
  ClusterSoakOptions options;
  LedgerFigures figures;
  std::vector<FaultFigures> faults;
  std::uint64_t lost = 0;
  std::uint64_t joins = 0;
  std::uint64_t leaves = 0;
  std::uint64_t refused = 0;
  std::uint64_t wrong_oks = 0;
  std::uint64_t durables_lost = 0;  // that an endpoint took for gone; none was
  std::uint64_t late_calls = 0;
  std::chrono::milliseconds slowest_call{0};
  absl::Status fault;   // an error that nothing explains
  std::string details;  // what helps to find it

  // A line for each fault, and one for all.
  std::string Text() const;
  // Not OK if anything is outside the bounds, or too little happened to tell.
  absl::Status Verdict() const;
};

// Call it on a thread that outlives the run.
absl::StatusOr<ClusterSoakReport> RunClusterSoak(const ClusterSoakOptions& options);

}  // namespace meshwarden::testing
