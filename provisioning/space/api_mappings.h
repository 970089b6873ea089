// The way of a space's privileged parties to the verbs of the JetStream API that destroy, and nobody else's.
//
// Every account reaches the API through the system account, whose mappings also hold for what a server
// publishes by itself. So the plain subjects of these verbs are mapped to where nobody listens (a request
// there is answered "no responders"), and those below a secret token to the plain ones.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

// The "mappings" claim of the system account for `space`. `token` is a secret token (see SpaceSecrets). What
// an agent's own history reader needs, deleting a consumer of the chat stream, stays as it is.
Json ApiMappings(std::string_view space, std::string_view token);

// The token in the claim; empty if there is none, or it is not of this form.
std::string TokenOfMappings(const Json& mappings);

}  // namespace meshwarden
