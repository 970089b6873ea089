#include <fmt/format.h>

#include <numeric>

#include "base/status.h"
#include "tests/soak/soak.h"

namespace meshwarden::testing {
namespace {

double Minutes(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count() / 60; }

absl::Status TooLittle(std::string_view what, std::uint64_t count, double least) {
  if (static_cast<double>(count) >= least) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "too little happened to tell anything: {} {}, at least {:.0f} expected", count, what, least));
}

}  // namespace

std::uint64_t SoakReport::Confirmed() const {
  return std::accumulate(std::begin(figures.confirmed), std::end(figures.confirmed), std::uint64_t{0});
}

std::uint64_t SoakReport::Delivered() const {
  return std::accumulate(std::begin(figures.delivered), std::end(figures.delivered), std::uint64_t{0});
}

std::string SoakReport::Line() const {
  return fmt::format(
      "endpoints {} minutes {:.1f} published {} confirmed {} unknown {} delivered {} historical {} joins {} "
      "leaves {} refused {} restarts {} durables forgotten {} queues remade {} reconnects {} errors {} "
      "redone {} strayed {} "
      "unsettled {} lost {} duplicated {} "
      "max resident MB {:.1f}",
      options.endpoints, Minutes(options.traffic), published, Confirmed(), figures.unknown, Delivered(),
      historical, joins, leaves, refused, restarts, forgotten, remade, reconnects, errors, figures.redone,
      figures.strayed, unsettled, lost, figures.duplicated, static_cast<double>(max_resident_bytes) / 1e6);
}

absl::Status SoakReport::Verdict() const {
  MW_RETURN_IF_ERROR(fault);
  if (lost + figures.duplicated + figures.strayed > 0) {
    return absl::DataLossError(fmt::format("lost {}, duplicated {}, strayed {}; {}", lost, figures.duplicated,
                                           figures.strayed, figures.example));
  }
  const double minutes = Minutes(options.traffic);
  const auto endpoints = static_cast<double>(options.endpoints);
  // A tenth of what was asked for: machines differ, and nobody sends while the broker is down.
  const double least = minutes * 60 * endpoints * options.rate / 10;
  MW_RETURN_IF_ERROR(TooLittle("messages confirmed", Confirmed(), least));
  for (std::size_t flow = 0; flow < kFlows; ++flow) {
    const std::string name = fmt::format("of flow {}", flow);
    MW_RETURN_IF_ERROR(TooLittle("messages confirmed " + name, figures.confirmed[flow], least / 50));
    MW_RETURN_IF_ERROR(TooLittle("messages delivered " + name, figures.delivered[flow], least / 50));
  }
  MW_RETURN_IF_ERROR(TooLittle("messages delivered", Delivered(), least * 3));
  MW_RETURN_IF_ERROR(TooLittle("historical messages delivered", historical, endpoints));
  MW_RETURN_IF_ERROR(TooLittle("joins", joins, minutes * endpoints / 2));
  MW_RETURN_IF_ERROR(TooLittle("leaves", leaves, minutes * endpoints / 4));
  MW_RETURN_IF_ERROR(TooLittle("restarts", restarts, minutes));
  return TooLittle("reconnects", reconnects, static_cast<double>(restarts) * endpoints);
}

}  // namespace meshwarden::testing
