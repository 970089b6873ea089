#include "policy/startable.h"

#include <algorithm>
#include <string>
#include <utility>

namespace meshwarden {
namespace {

// Goes from starter to starter, by breadth: so each agent is met on a shortest way first.
class Search {
 public:
  explicit Search(const Policy& policy) : policy_(policy), met_(policy.size()) {}

  std::vector<Startable> From(const LauncherPolicy& launcher) && {
    const std::string via = "launcher " + launcher.name;
    if (launcher.every_agent) {
      for (const AgentPolicy& agent : policy_.agents()) {
        Meet(agent, std::nullopt,
             RuleAt(launcher.location, via, std::string(kEveryAgent), *launcher.every_agent));
      }
    }
    MeetAll(launcher.may_provision, std::nullopt, launcher.location, via);
    return std::move(*this).Finish();
  }

  std::vector<Startable> From(const AgentPolicy& agent) && {
    MeetThoseOf(agent, std::nullopt);
    return std::move(*this).Finish();
  }

 private:
  static Rule RuleAt(const SourceLocation& location, const std::string& via, std::string text, Place place) {
    return {std::move(text), {location.file, place.line, place.column}, via};
  }

  std::vector<Startable> Finish() && {
    for (std::size_t i = 0; i < found_.size(); ++i) MeetThoseOf(*found_[i].agent, i);
    return std::move(found_);
  }

  void MeetThoseOf(const AgentPolicy& starter, std::optional<std::size_t> through) {
    if (!starter.HasCapability(kSpawnCapability)) return;
    MeetAll(starter.may_provision, through, starter.location, "agent " + starter.name);
  }

  void MeetAll(const std::vector<NamedPlace>& names, std::optional<std::size_t> through,
               const SourceLocation& location, const std::string& via) {
    for (const NamedPlace& named : names) {
      const AgentPolicy* agent = policy_.FindByName(named.name);
      if (agent != nullptr) Meet(*agent, through, RuleAt(location, via, named.name, named.place));
    }
  }

  void Meet(const AgentPolicy& agent, std::optional<std::size_t> through, Rule rule) {
    const auto index = static_cast<std::size_t>(&agent - policy_.agents().data());
    if (met_[index]) return;
    met_[index] = true;
    found_.push_back({&agent, through, std::move(rule)});
  }

  const Policy& policy_;
  std::vector<bool> met_;  // by the agent's place in the policy
  std::vector<Startable> found_;
};

}  // namespace

std::vector<Startable> StartableBy(const Policy& policy, const LauncherPolicy& launcher) {
  return Search(policy).From(launcher);
}

std::vector<Startable> StartableBy(const Policy& policy, const AgentPolicy& agent) {
  return Search(policy).From(agent);
}

std::vector<const AgentPolicy*> WayTo(const std::vector<Startable>& all, std::size_t index) {
  std::vector<const AgentPolicy*> way;
  for (std::optional<std::size_t> step = all[index].through; step; step = all[*step].through) {
    way.push_back(all[*step].agent);
  }
  std::reverse(way.begin(), way.end());
  return way;
}

}  // namespace meshwarden
