// The cases of credentials.json: keys, tokens, creds files, the server's configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/json.h"
#include "tests/conformance/case_results.h"

namespace meshwarden::conformance {

// Runs what `credentials` holds as cases: each seed against its public key; each token decoded, verified and
// encoded again; the claims of a trust chain of ours; each creds text against its id or error; the server's
// configuration, setting by setting; the stripped issuer.
CaseResults RunCredentialCases(const Json& credentials);

}  // namespace meshwarden::conformance
