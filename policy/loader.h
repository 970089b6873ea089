// Reads a policy from YAML, or says everything that is wrong with it.
//
// What the keys mean: `version` (1) and `space` in every file; `defaults`, for agents that name nothing;
// `groups`; `agents`; `launchers`, programs that start agents and are none themselves. Every key is known or
// refused, every channel is strict, every list is a list.
//
//   allowSubscribe, allowPublish   what an agent may read, where it may post; its groups add to both
//   subscribe                      the channels it starts with, each covered by one pattern that it may read
//   mayProvision                   which agents an agent or a launcher may start; of an agent only beside the
//                                  capability spawn; of a launcher also "*" alone, for every agent
//
// A launcher has an `id` and a `mayProvision`. Its id is no agent's and no other launcher's.
// resolver.h says what holds where one of them is left out. Bounds on everything stand in limits.h. Names of
// agents, groups and launchers have 1 to 64 letters, digits, '_', '-' and '.' and begin with a letter, a
// digit or '_'; a space and a role are such names without dots. Strings that YAML reads as something else
// (on, 123, null) need quotes. Anchors, aliases, tags and merge keys are refused.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml/problem.h"
#include "policy/limits.h"
#include "policy/policy.h"

namespace meshwarden {

struct PolicyLoadResult {
  std::shared_ptr<const Policy> policy;  // null if there is any problem
  // In the order of the files and lines, all of them in one run (at most kMaxSourceProblems).
  std::vector<SourceProblem> problems;

  bool ok() const { return policy != nullptr; }
  // InvalidArgument with every problem, a paragraph each; OK if there are none.
  absl::Status ToStatus() const;
};

// Loads a file, or the *.yaml and *.yml files of a folder, in the order of their names, as one policy:
// agents, groups and launchers unite, `space` agrees, `defaults` stand in one of them, no name is given
// twice. Files whose names begin with a dot are passed over, and so are folders within it. Nothing is half
// loaded.
PolicyLoadResult LoadPolicy(const std::string& path);
// The same from text; `name` stands for the file in messages.
PolicyLoadResult ParsePolicy(std::string_view yaml, const std::string& name);

}  // namespace meshwarden
