// Who may start whom, over all files of a policy: the rules that launchers and mayProvision have to keep.
#pragma once

#include <span>

#include "base/yaml/problem.h"
#include "policy/declarations.h"

namespace meshwarden {

// Reports launchers whose name another has, or whose id is another's or an agent's; too many of them; and
// names in a mayProvision that are no agents, unless some file's agents could not be read: then a name may be
// one.
void CheckProvisionRules(std::span<const Declarations> files, ProblemList& problems);

}  // namespace meshwarden
