// From the name of a host to its addresses.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <vector>

namespace meshwarden {

// The addresses of `host` in the order in which they are to be tried, as numbers ("192.0.2.1",
// "2001:db8::1"); never empty. Unavailable: there are none now. May block; called on several threads.
using Resolver = std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host)>;

// The operating system's answer: files, name servers, whatever it is set up to ask.
absl::StatusOr<std::vector<std::string>> ResolveBySystem(const std::string& host);

}  // namespace meshwarden
