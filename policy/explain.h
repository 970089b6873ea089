// `meshwarden policy explain`: what one agent may do on one channel, and which line says so.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "policy/policy.h"

namespace meshwarden {

// A few lines in words: the agent with its place, whether it may read and post and by which rule, and whether
// it starts with the channel. NotFound with the closest name if there is no such agent; InvalidArgument for a
// channel that is not strict.
absl::StatusOr<std::string> ExplainChannel(const Policy& policy, std::string_view name,
                                           std::string_view channel);

}  // namespace meshwarden
