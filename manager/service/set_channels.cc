#include "manager/service/set_channels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "proto/channel_pattern.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

// Bounds on what an answer repeats of the request and of the policy.
constexpr std::size_t kMaxEchoedChannelBytes = 128;
constexpr std::size_t kMaxEchoedMessageBytes = 512;
constexpr std::size_t kMaxEchoedGrants = 64;

SetChannelsDecision RefusedAsNoList() {
  return SetChannelsDecision::Refused("bad_request",
                                      "setChannels: channels must be a non-empty list of non-blank strings");
}

std::string ListOfGrants(const AgentPolicy& agent) {
  std::vector<std::string> patterns = agent.AllowSubscribePatterns();
  const std::size_t total = patterns.size();
  if (total > kMaxEchoedGrants) {
    patterns.resize(kMaxEchoedGrants);
    patterns.push_back(fmt::format("… {} more", total - kMaxEchoedGrants));
  }
  return fmt::format("[{}]", fmt::join(patterns, ", "));
}

std::optional<SetChannelsDecision> RefusalOf(const std::string& channel, const AgentPolicy& agent) {
  const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
  if (!pattern.ok()) {
    return SetChannelsDecision::Refused("bad_channel",
                                        Printable(MessageOf(pattern.status()), kMaxEchoedMessageBytes));
  }
  if (!MaySubscribe(agent, *pattern).allowed()) {
    return SetChannelsDecision::Refused(
        "not_allowed", fmt::format("channel {} is not within allowSubscribe {}",
                                   Quoted(channel, kMaxEchoedChannelBytes), ListOfGrants(agent)));
  }
  return std::nullopt;
}

}  // namespace

SetChannelsDecision SetChannelsDecision::Granted(std::vector<std::string> channels) {
  SetChannelsDecision decision;
  decision.channels_ = std::move(channels);
  return decision;
}

SetChannelsDecision SetChannelsDecision::Refused(std::string_view code, std::string error) {
  SetChannelsDecision decision;
  decision.code_ = code;
  decision.error_ = std::move(error);
  return decision;
}

SetChannelsDecision ReadChannelList(const Json& args) {
  const auto found = args.is_object() ? args.find("channels") : args.end();
  if (found == args.end() || !found->is_array() || found->empty()) {
    return RefusedAsNoList();
  }
  // Blank or foreign elements are named before the count is, as the peers do.
  std::vector<std::string> channels;
  channels.reserve(std::min(found->size(), kMaxChannelsPerRequest));
  for (const Json& element : *found) {
    const std::string* text = element.get_ptr<const std::string*>();
    const std::string_view trimmed = text == nullptr ? std::string_view() : TrimWhiteSpace(*text);
    if (trimmed.empty()) {
      return RefusedAsNoList();
    }
    if (channels.size() < kMaxChannelsPerRequest) {
      channels.emplace_back(trimmed);
    }
  }
  if (found->size() > kMaxChannelsPerRequest) {
    return SetChannelsDecision::Refused(
        "too_many_channels", fmt::format("setChannels: too many channels (max {})", kMaxChannelsPerRequest));
  }
  return SetChannelsDecision::Granted(std::move(channels));
}

SetChannelsDecision DecideSetChannels(std::span<const std::string> channels, const AgentPolicy& agent) {
  if (channels.empty()) {
    return RefusedAsNoList();
  }
  for (const std::string& channel : channels) {
    if (std::optional<SetChannelsDecision> refusal = RefusalOf(channel, agent)) {
      return *std::move(refusal);
    }
  }
  if (const auto overlap = FindOverlap(CollapsePatterns(channels))) {
    return SetChannelsDecision::Refused(
        "overlap", fmt::format("setChannels: channels {} and {} overlap and neither covers the other; "
                               "ask for one that covers both, or for only one of them",
                               Quoted(overlap->first, kMaxEchoedChannelBytes),
                               Quoted(overlap->second, kMaxEchoedChannelBytes)));
  }
  return SetChannelsDecision::Granted({channels.begin(), channels.end()});
}

}  // namespace meshwarden
