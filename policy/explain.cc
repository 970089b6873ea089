#include "policy/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/text/closest_name.h"
#include "base/text/printable.h"
#include "policy/channel_advice.h"
#include "policy/startable.h"

namespace meshwarden {
namespace {

// How many agents of a way are named.
constexpr std::size_t kMaxWayShown = 8;

absl::Status UnknownName(const Policy& policy, std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(policy.size() + policy.launchers().size());
  for (const AgentPolicy& agent : policy.agents()) names.push_back(agent.name);
  for (const LauncherPolicy& launcher : policy.launchers()) names.push_back(launcher.name);
  const std::string suggestion = DidYouMean(name, names);
  return absl::NotFoundError(fmt::format("the policy of space {} has no agent or launcher {}{}",
                                         policy.space(), Quoted(name),
                                         suggestion.empty() ? "" : "; " + suggestion));
}

// Why `name`, which is no agent, is not asked about a channel.
absl::Status NoAgent(const Policy& policy, std::string_view name) {
  const LauncherPolicy* launcher = policy.FindLauncherByName(name);
  if (launcher == nullptr) return UnknownName(policy, name);
  return absl::InvalidArgumentError(fmt::format(
      "{} is a launcher ({}), which reads and posts nowhere; leave the channel out to see what it can start",
      launcher->name, launcher->location.Format()));
}

std::string BirthLine(const AgentPolicy& agent, const ChannelPattern& channel) {
  const auto covers = [&channel](const std::string& start) { return PatternCovers(start, channel.text()); };
  const auto start = std::find_if(agent.subscribe.begin(), agent.subscribe.end(), covers);
  if (start == agent.subscribe.end()) return "from the start: no";
  if (*start == channel.text()) return "from the start: yes";
  return fmt::format("from the start: yes, within \"{}\"", *start);
}

// " through planner, lead", or nothing for what is started directly. Of a long way its two ends.
std::string WayLine(const std::vector<Startable>& all, std::size_t index) {
  const std::vector<const AgentPolicy*> way = WayTo(all, index);
  const std::size_t left_out = way.size() > kMaxWayShown ? way.size() - kMaxWayShown : 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < way.size(); ++i) {
    if (left_out > 0 && i == kMaxWayShown / 2) {
      names.push_back(fmt::format("{} more", left_out));
      i += left_out;
    }
    names.push_back(way[i]->name);
  }
  return names.empty() ? "" : fmt::format(" through {}", fmt::join(names, ", "));
}

std::string StartingLines(const std::vector<Startable>& all) {
  std::string lines;
  for (std::size_t i = 0; i < all.size(); ++i) {
    lines += fmt::format("  can start {}{}, {}\n", all[i].agent->name, WayLine(all, i),
                         Verdict::AllowedBy(all[i].rule).Explain());
  }
  return lines;
}

std::string ExplainLauncher(const Policy& policy, const LauncherPolicy& launcher) {
  std::string text =
      fmt::format("launcher {} ({}), id {}\n", launcher.name, launcher.location.Format(), launcher.id);
  text += launcher.max_instances
              ? fmt::format("  maxInstances {}, of all agents that it or its agents started\n",
                            *launcher.max_instances)
              : "  no maxInstances\n";
  const std::vector<Startable> all = StartableBy(policy, launcher);
  if (all.empty()) return text + "  can start nothing: the policy has no agents\n";
  if (!launcher.every_agent) return text + StartingLines(all);
  return text + fmt::format("  can start every agent of the policy ({}), {}\n", all.size(),
                            Verdict::AllowedBy(all[0].rule).Explain());
}

std::string ExplainStarter(const Policy& policy, const AgentPolicy& agent) {
  const std::string head = fmt::format("agent {} ({})\n", agent.name, agent.location.Format());
  const std::vector<Startable> all = StartableBy(policy, agent);
  if (!all.empty()) return head + StartingLines(all);
  return head + fmt::format("  can start nothing: it has {}\n", agent.HasCapability(kSpawnCapability)
                                                                    ? "nothing in mayProvision"
                                                                    : "not the capability spawn");
}

}  // namespace

absl::StatusOr<std::string> ExplainChannel(const Policy& policy, std::string_view name,
                                           std::string_view channel) {
  const AgentPolicy* agent = policy.FindByName(name);
  if (agent == nullptr) return NoAgent(policy, name);
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

absl::StatusOr<std::string> ExplainStarting(const Policy& policy, std::string_view name) {
  const LauncherPolicy* launcher = policy.FindLauncherByName(name);
  const AgentPolicy* agent = policy.FindByName(name);
  if (launcher == nullptr && agent == nullptr) return UnknownName(policy, name);
  std::string text;
  if (launcher != nullptr) text += ExplainLauncher(policy, *launcher);
  if (agent != nullptr) text += ExplainStarter(policy, *agent);
  return text;
}

}  // namespace meshwarden
