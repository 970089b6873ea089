// `meshwarden policy explain`: what one agent may do on one channel, or what an agent or a launcher can
// start, and which line says so.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "policy/policy.h"

namespace meshwarden {

// A few lines in words: the agent with its place, whether it may read and post and by which rule, and whether
// it starts with the channel. NotFound with the closest name if there is neither an agent nor a launcher of
// that name; InvalidArgument for a launcher, which has no channels, and for a channel that is not strict.
absl::StatusOr<std::string> ExplainChannel(const Policy& policy, std::string_view name,
                                           std::string_view channel);

// A line for each agent that the launcher or agent `name` can start, directly or through others, with the way
// and the rule of its last step; how many at a time; why none. If both have the name, first the launcher's
// lines, then the agent's. NotFound as above.
absl::StatusOr<std::string> ExplainStarting(const Policy& policy, std::string_view name);

}  // namespace meshwarden
