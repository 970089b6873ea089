// Which role an agent's credential takes tasks for.
#pragma once

#include <optional>
#include <string>

#include "provisioning/minting/credential.h"

namespace meshwarden {

// The role whose queue the credential may pull from, as its token in subjects. Nothing where that is none, or
// not one alone.
std::optional<std::string> RoleOf(const CredentialView& credential);

}  // namespace meshwarden
