// A credential in words, and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "provisioning/minting/credential.h"

namespace meshwarden {

// "2026-05-04T10:11:12Z".
std::string FormatTime(SystemTime time);

// What the credential is and what it may do, a line each; `now` decides whether it has expired.
std::string DescribeCredential(const CredentialView& credential, SystemTime now);
Json CredentialToJson(const CredentialView& credential, SystemTime now);

}  // namespace meshwarden
