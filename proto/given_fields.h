// The optional fields of what peers send. One that is null counts as one that is not there, because peers in
// some languages write null for what they have not set. Not for what operators write or for credentials:
// there a null is an error (base/json.h). Internal to proto.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace meshwarden {

// The field `key` of `object`, as long as that lives; nullptr if it is not there or null.
const Json* GivenField(const Json& object, const char* key);
// The same for fields of one type. InvalidArgument naming `key` if it is of another.
absl::StatusOr<std::optional<std::string>> GivenString(const Json& object, const char* key);
absl::StatusOr<std::optional<std::vector<std::string>>> GivenStrings(const Json& object, const char* key);

}  // namespace meshwarden
