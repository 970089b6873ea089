// What to answer a setChannels request: the decision alone, without a clock, a broker or a lock.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "policy/policy.h"

namespace meshwarden {

// Most channels that one request may name.
inline constexpr std::size_t kMaxChannelsPerRequest = 64;

// The decision on one request, or on the list that it carries. Made by the named factories only.
class SetChannelsDecision {
 public:
  // `channels`: trimmed, otherwise as asked; never empty.
  static SetChannelsDecision Granted(std::vector<std::string> channels);
  // `code` is stable and for programs, `error` is for people.
  static SetChannelsDecision Refused(std::string_view code, std::string error);

  bool granted() const { return code_.empty(); }
  const std::vector<std::string>& channels() const { return channels_; }  // empty unless granted
  const std::string& code() const { return code_; }                       // empty if granted
  const std::string& error() const { return error_; }

 private:
  std::vector<std::string> channels_;
  std::string code_;
  std::string error_;
};

// Reads `channels` out of a request's arguments: a non-empty list of at most 64 non-blank strings, trimmed.
// Codes: bad_request, too_many_channels. Needs no policy, so that a request that says nothing costs nothing.
SetChannelsDecision ReadChannelList(const Json& args);

// Whether `agent` may read `channels` (of ReadChannelList): each one strict and within allowSubscribe, in the
// order of the list, and no two of them overlapping in a way that collapsing does not resolve. Codes:
// bad_channel, not_allowed, overlap.
SetChannelsDecision DecideSetChannels(std::span<const std::string> channels, const AgentPolicy& agent);

}  // namespace meshwarden
