// Walks one policy file and notes what it declares.
#pragma once

#include "base/yaml/problem.h"
#include "base/yaml/source_text.h"
#include "policy/declarations.h"
#include "policy/pattern_table.h"

namespace meshwarden {

// Reports everything that can be told from the file alone: wrong types, unknown keys, names and channels that
// are not valid. The walk goes on after a problem. `source` must outlive the result.
Declarations ReadDeclarations(const SourceText& source, PatternTable& patterns, ProblemList& problems);

}  // namespace meshwarden
