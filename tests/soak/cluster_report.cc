#include <fmt/format.h>

#include <numeric>

#include "base/status.h"
#include "tests/soak/cluster_soak.h"

namespace meshwarden::testing {
namespace {

std::string_view NameOf(Victim victim) {
  switch (victim) {
    case Victim::kFollower:
      return "follower";
    case Victim::kMetaLeader:
      return "meta-leader";
    case Victim::kChatLeader:
      return "chat-leader";
  }
  return "";
}

std::string_view NameOf(Deed deed) {
  switch (deed) {
    case Deed::kKill:
      return "kill";
    case Deed::kStop:
      return "stop";
    case Deed::kCut:
      return "cut";
    case Deed::kCutServers:
      return "part";
    case Deed::kKillTwo:
      return "kill-two";
    case Deed::kLameDuck:
      return "lame-duck";
  }
  return "";
}

absl::Status Within(std::string_view what, std::string_view fault, std::chrono::milliseconds time,
                    std::chrono::milliseconds bound) {
  if (time <= bound) return absl::OkStatus();
  return absl::DeadlineExceededError(
      fmt::format("{}: {} {} ms, at most {} expected", fault, what, time.count(), bound.count()));
}

std::uint64_t Sum(const std::uint64_t (&counts)[kFlows]) {
  return std::accumulate(std::begin(counts), std::end(counts), std::uint64_t{0});
}

}  // namespace

std::string NameOf(const ClusterFault& fault) {
  return fmt::format("{}-{}", NameOf(fault.deed), NameOf(fault.victim));
}

std::vector<ClusterFault> AllClusterFaults() {
  std::vector<ClusterFault> faults;
  for (const Deed deed : {Deed::kKill, Deed::kStop, Deed::kCut, Deed::kCutServers}) {
    for (const Victim victim : {Victim::kFollower, Victim::kMetaLeader, Victim::kChatLeader}) {
      faults.push_back({.deed = deed, .victim = victim});
    }
  }
  faults.push_back({.deed = Deed::kKillTwo, .victim = Victim::kChatLeader});
  faults.push_back({.deed = Deed::kLameDuck, .victim = Victim::kChatLeader});
  return faults;
}

std::string ClusterSoakReport::Text() const {
  std::string text;
  for (const FaultFigures& one : faults) {
    text += fmt::format(
        "{:<21} lost their connection {:>2}, away {:>5} ms, back after {:>5} ms, published after {:>5} ms, "
        "slowest call {:>5} ms\n",
        one.name, one.lost_connection, one.away.count(), one.back.count(), one.published.count(),
        one.slowest_call.count());
  }
  return text +
         fmt::format(
             "confirmed {} unknown {} delivered {} joins {} leaves {} refused {} late calls {} slowest {} "
             "ms durables taken for gone {} wrong oks {} lost {} duplicated {} strayed {} retold {} redone "
             "{}",
             Sum(figures.confirmed), figures.unknown, Sum(figures.delivered), joins, leaves, refused,
             late_calls, slowest_call.count(), durables_lost, wrong_oks, lost, figures.duplicated,
             figures.strayed, figures.retold, figures.redone);
}

absl::Status ClusterSoakReport::Verdict() const {
  MW_RETURN_IF_ERROR(fault);
  if (lost + figures.duplicated + figures.strayed + wrong_oks > 0) {
    return absl::DataLossError(fmt::format("lost {}, duplicated {}, strayed {}, wrong oks {}; {}", lost,
                                           figures.duplicated, figures.strayed, wrong_oks, figures.example));
  }
  if (durables_lost > 0) {
    return absl::InternalError(fmt::format("{} durables were taken for gone that were there", durables_lost));
  }
  MW_RETURN_IF_ERROR(Within("the slowest call took", "all faults", slowest_call, options.bounds.call));
  for (const FaultFigures& one : faults) {
    const bool killed = one.name.starts_with("kill");
    // A lame duck sends its clients away one after the other, so nothing can be told from when it began.
    const bool all_at_once = !one.name.starts_with("lame-duck");
    if (all_at_once) {
      MW_RETURN_IF_ERROR(Within("an endpoint was away", one.name, one.away,
                                killed ? options.bounds.away_killed : options.bounds.away));
    }
    MW_RETURN_IF_ERROR(Within("everybody was back after", one.name, one.back, options.bounds.back));
    MW_RETURN_IF_ERROR(
        Within("everybody had published after", one.name, one.published, options.bounds.published));
  }
  const std::uint64_t least = options.endpoints * faults.size() * 2;
  if (Sum(figures.confirmed) < least || joins < faults.size()) {
    return absl::FailedPreconditionError(
        fmt::format("too little happened to tell anything: {} messages confirmed and {} joins",
                    Sum(figures.confirmed), joins));
  }
  return absl::OkStatus();
}

}  // namespace meshwarden::testing
