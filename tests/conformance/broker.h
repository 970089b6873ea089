// The cases of broker.json: streams and durables as a real broker reports them.
#pragma once

#include "base/json.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "tests/conformance/case_results.h"

namespace meshwarden::conformance {

// Sets up the space that `vector` describes through `api`, on a broker that holds nothing yet, makes the same
// durables, and compares each configuration that the broker reports with the one in `vector`. Fields that the
// vector does not have fail a case too, unless the broker is of another version than the vector's: newer ones
// report more.
CaseResults RunBrokerCases(const Json& vector, JetStreamApi& api, const std::string& server_version);

}  // namespace meshwarden::conformance
