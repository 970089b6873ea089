#include "policy/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/status.h"
#include "base/text/closest_name.h"
#include "base/text/printable.h"
#include "policy/channel_advice.h"

namespace meshwarden {
namespace {

absl::Status UnknownAgent(const Policy& policy, std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(policy.size());
  for (const AgentPolicy& agent : policy.agents()) names.push_back(agent.name);
  const std::string suggestion = DidYouMean(name, names);
  return absl::NotFoundError(fmt::format("the policy of space {} has no agent {}{}", policy.space(),
                                         Quoted(name), suggestion.empty() ? "" : "; " + suggestion));
}

std::string BirthLine(const AgentPolicy& agent, const ChannelPattern& channel) {
  const auto covers = [&channel](const std::string& start) { return PatternCovers(start, channel.text()); };
  const auto start = std::find_if(agent.subscribe.begin(), agent.subscribe.end(), covers);
  if (start == agent.subscribe.end()) return "from the start: no";
  if (*start == channel.text()) return "from the start: yes";
  return fmt::format("from the start: yes, within \"{}\"", *start);
}

}  // namespace

absl::StatusOr<std::string> ExplainChannel(const Policy& policy, std::string_view name,
                                           std::string_view channel) {
  const AgentPolicy* agent = policy.FindByName(name);
  if (agent == nullptr) return UnknownAgent(policy, name);
  const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}; {}", Printable(MessageOf(pattern.status())), AdviseOnChannel(channel)));
  }
  const Verdict read = MaySubscribe(*agent, *pattern);
  const Verdict post = MayPublish(*agent, *pattern);
  return fmt::format("agent {} ({}), channel \"{}\"\n  read: {}, {}\n  post: {}, {}\n  {}\n", agent->name,
                     agent->location.Format(), pattern->text(), read.allowed() ? "yes" : "no", read.Explain(),
                     post.allowed() ? "yes" : "no", post.Explain(), BirthLine(*agent, *pattern));
}

}  // namespace meshwarden
