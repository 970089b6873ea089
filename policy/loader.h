// Reads a policy from YAML, or says everything that is wrong with it.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace meshwarden {

// One thing wrong with a policy file.
struct PolicyProblem {
  SourceLocation location;
  std::string message;     // what is wrong
  std::string suggestion;  // what to write instead; empty if there is nothing to suggest
  std::string line_text;   // the line itself

  // "FILE:LINE:COLUMN: MESSAGE (SUGGESTION)", then the line, then a caret.
  std::string Format() const;
};

struct PolicyLoadResult {
  std::shared_ptr<const Policy> policy;  // null if there is any problem
  std::vector<PolicyProblem> problems;   // in the order of the files, all of them in one run (at most 100)

  bool ok() const { return policy != nullptr; }
  // InvalidArgument with every problem, a paragraph each; OK if there are none.
  absl::Status ToStatus() const;
};

// Loads a file, or every *.yaml and *.yml file of a folder as one policy. Nothing is half loaded.
PolicyLoadResult LoadPolicy(const std::string& path);
// The same from text; `name` stands for the file in messages.
PolicyLoadResult ParsePolicy(std::string_view yaml, const std::string& name);

}  // namespace meshwarden
