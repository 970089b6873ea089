// The cases of profiles.json: which claims a credential of each profile carries.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/json.h"
#include "tests/conformance/case_results.h"

namespace meshwarden::conformance {

// Runs each of `cases`, a list of {profile, space, id, opts, claims, header} or {…, error}: mints the same
// credential with the account and signing key of `credentials` (credentials.json) and compares the claims,
// lists in order, but for those that the moment and the signer decide (iat, exp, jti, iss). The contract
// decides otherwise about the subscriptions of profile "admin".
CaseResults RunProfileCases(const Json& cases, const Json& credentials);

}  // namespace meshwarden::conformance
