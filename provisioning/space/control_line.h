// Whether a credential can be presented to a server at all. A client sends its JWT in the line CONNECT, and a
// server drops whoever sends a longer line than its max_control_line, which the client only sees as a lost
// connection. Every channel that an agent may post to or read back takes some hundred bytes of the JWT.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "policy/policy.h"

namespace meshwarden {

// What the server.conf of a space says, and what a server does that is not told.
inline constexpr std::size_t kSpaceControlLine = 65'536;
inline constexpr std::size_t kUsualControlLine = 4'096;
// Most that the line holds beside the JWT: signature, the client's name and version.
inline constexpr std::size_t kRestOfConnectLine = 1'024;

// Whether a JWT of that size fits in the line that `limit` allows.
bool FitsControlLine(std::size_t jwt_bytes, std::size_t limit);
// What to tell of a JWT that is too large for the server of a space as `space init` configures it, and what
// to do; nothing if it fits. `whose`: what the sentence begins with.
std::optional<std::string> WarnIfTooLarge(std::string_view whose, std::size_t jwt_bytes);
// The same of the JWT that the policy gives `agent`, without making it where it fits whatever it says.
std::optional<std::string> WarnAboutAgent(const AgentPolicy& agent, const std::string& space);
// The size of that JWT. An error if none comes out.
absl::StatusOr<std::size_t> JwtBytesOf(const AgentPolicy& agent, const std::string& space);

}  // namespace meshwarden
