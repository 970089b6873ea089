// The part of a command that says something.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "manager/agent/command.h"

namespace meshwarden {

// From the fields "text" or "parts", "mentions", "replyTo" and "contextId" of `line`. InvalidArgument names
// the field that is missing or wrong.
absl::StatusOr<verb::Words> ReadWords(const Json& line);

}  // namespace meshwarden
