#include "policy/channel_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "proto/channel_pattern.h"

namespace meshwarden {
namespace {

constexpr std::string_view kSeparators = "./: \t";
// Slack, IRC and MQTT habits: "#general", "team.**".
std::string_view PlainSegment(std::string_view segment) {
  while (!segment.empty() && (segment.front() == '#' || segment.front() == '@')) segment.remove_prefix(1);
  return segment == "**" ? ">" : segment;
}

std::vector<std::string_view> LikelySegments(std::string_view channel) {
  std::vector<std::string_view> segments;
  while (!channel.empty()) {
    const std::size_t end = std::min(channel.find_first_of(kSeparators), channel.size());
    const std::string_view segment = PlainSegment(channel.substr(0, end));
    if (!segment.empty()) segments.push_back(segment);
    channel.remove_prefix(std::min(end + 1, channel.size()));
  }
  return segments;
}

std::string LikelyChannel(std::string_view channel) {
  const std::vector<std::string_view> segments = LikelySegments(channel);
  std::string likely;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i > 0) likely += '.';
    likely += segments[i] == ">" && i + 1 < segments.size() ? "*" : segments[i];
  }
  return likely;
}

}  // namespace

std::string AdviseOnChannel(std::string_view channel) {
  if (channel.size() <= kMaxChannelBytes) {
    const std::string likely = LikelyChannel(channel);
    if (likely != channel && ValidateChannel(likely).ok()) return fmt::format("did you mean {}?", likely);
  }
  return "a channel is made of letters, digits, _ and -, its segments parted by dots";
}

}  // namespace meshwarden
