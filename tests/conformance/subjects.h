// The cases of subjects.json: subjects, patterns, names, mentions, durations.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/json.h"
#include "tests/conformance/case_results.h"

namespace meshwarden::conformance {

// Runs each of `cases`, a list of {fn, args, result} and {fn, args, error}. A case that is not of this form
// or whose function is unknown fails.
CaseResults RunSubjectCases(const Json& cases);

}  // namespace meshwarden::conformance
