// The settings of a nats-server configuration file, whatever its layout.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace meshwarden::conformance {

// "block.key" → value, quotes and escapes taken away.
using ServerSettings = std::map<std::string, std::string, std::less<>>;

// Reads blocks, strings, bare words and comments; InvalidArgument for what else there is (lists, includes,
// variables), for a key that is set twice, and for a block that does not end.
absl::StatusOr<ServerSettings> ReadServerSettings(std::string_view text);

}  // namespace meshwarden::conformance
