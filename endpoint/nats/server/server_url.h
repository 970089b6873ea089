// The address of a NATS server.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace meshwarden {

struct ServerUrl {
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  bool tls = false;  // scheme "tls"

  // "nats://host:port", as the library takes it.
  std::string Text() const;
};

// Reads "nats://host:port", "tls://host:port", "host:port" or "host" (port 4222). InvalidArgument for any
// other scheme and for a user or password, which belong in a creds file.
absl::StatusOr<ServerUrl> ParseServerUrl(std::string_view text);

}  // namespace meshwarden
