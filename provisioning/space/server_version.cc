#include "provisioning/space/server_version.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/text/printable.h"

namespace meshwarden {
namespace {

// Major, minor, patch.
using Version = std::array<int, 3>;

constexpr Version kFloor{2, 10, 0};
// Earlier ones can be made to panic before authentication, and let a denied subscription through.
constexpr Version kRecommendedIn212{2, 12, 12};
constexpr Version kRecommended{2, 14, 3};
constexpr Version kBoundsConsumers{2, 15, 0};

std::optional<Version> Parse(std::string_view text) {
  Version version{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < version.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) {
      return std::nullopt;
    }
    const auto [next, error] = std::from_chars(at, end, version[i]);
    if (error != std::errc()) {
      return std::nullopt;
    }
    at = next;
  }
  return version;
}

bool IsRecommended(const Version& version) {
  const bool in_212 = version[0] == 2 && version[1] == 12;
  return version >= (in_212 ? kRecommendedIn212 : kRecommended);
}

}  // namespace

ServerVersionCheck CheckServerVersion(std::string_view text) {
  const std::optional<Version> version = Parse(text);
  if (!version.has_value() || *version < kFloor) {
    return {ServerVersionVerdict::kTooOld,
            fmt::format("the NATS server is version {}, and 2.10 is the oldest that can filter a consumer "
                        "on several subjects; install nats-server 2.14.3 or later",
                        Quoted(text))};
  }
  if (!IsRecommended(*version)) {
    return {
        ServerVersionVerdict::kOutdated,
        fmt::format("the NATS server is version {}, which has known security defects; upgrade to 2.12.12, "
                    "2.14.3 or later",
                    Printable(text, kMaxQuotedBytes))};
  }
  return {ServerVersionVerdict::kFine, ""};
}

bool BoundsConsumersByDefault(std::string_view text) {
  const std::optional<Version> version = Parse(text);
  return version.has_value() && *version >= kBoundsConsumers;
}

}  // namespace meshwarden
