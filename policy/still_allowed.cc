#include "policy/still_allowed.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proto/channel_pattern.h"

namespace meshwarden {
namespace {

void AppendRemains(const AgentPolicy& agent, const std::string& channel, std::vector<std::string>& remains) {
  const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
  if (!pattern.ok()) return;
  if (MaySubscribe(agent, *pattern).allowed()) return remains.push_back(channel);
  for (const std::string& grant : agent.AllowSubscribePatterns()) {
    if (std::optional<std::string> meet = MeetOfPatterns(grant, channel)) remains.push_back(*std::move(meet));
  }
}

}  // namespace

std::vector<std::string> StillAllowed(const AgentPolicy& agent, std::span<const std::string> channels) {
  std::vector<std::string> remains;
  for (const std::string& channel : channels) AppendRemains(agent, channel, remains);
  std::vector<std::string> allowed;
  for (std::string& channel : CollapsePatterns(remains)) {
    const bool overlaps = std::any_of(allowed.begin(), allowed.end(), [&channel](const std::string& earlier) {
      return PatternsOverlap(earlier, channel);
    });
    if (!overlaps) allowed.push_back(std::move(channel));
  }
  return allowed;
}

}  // namespace meshwarden
