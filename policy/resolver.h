// Puts the declarations of all files together: names that must be known or unique, and what each agent gets.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/yaml/problem.h"
#include "policy/declarations.h"
#include "policy/policy.h"

namespace meshwarden {

struct ResolvedPolicy {
  std::string space;
  std::vector<AgentPolicy> agents;
  std::vector<LauncherPolicy> launchers;
};

// Takes the agents and launchers out of `files`. The result is worth something only if `problems` stays
// empty.
//
// The rules, none of which ever gives an agent more than some line grants:
//  - The default set is defaults.subscribe, and [general] where that is missing; defaults.allowSubscribe left
//    out means the default set.
//  - An agent that lists allowSubscribe may read that. One that lists subscribe only may read just that. One
//    that lists neither may read what the defaults allow.
//  - An agent that lists allowPublish may post there, another where the defaults say, otherwise nowhere.
//  - Each of its groups adds to what it may read and post.
//  - An agent that lists no subscribe starts with those channels of the default set that it may read; if
//  there
//    are none, with the channels without wildcards of its own allowSubscribe; if there are none of those
//    either, with all of its own allowSubscribe. Defaults that lack subscribe but have allowSubscribe come by
//    their default set in the same way.
ResolvedPolicy ResolveDeclarations(std::span<Declarations> files, ProblemList& problems);

}  // namespace meshwarden
