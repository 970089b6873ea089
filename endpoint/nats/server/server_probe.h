// A look at a server before the library connects to it.
//
// The library's connect can't be called off, does not tell the server's version, and is the place where a
// server that accepts and then says nothing would hold a thread. So the first line that every NATS server
// sends is read here first, under a deadline, and given up at once when asked to.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>

#include "endpoint/nats/server/cancellation.h"
#include "endpoint/nats/server/connection_options.h"
#include "endpoint/nats/server/resolver.h"
#include "endpoint/nats/server/server_url.h"

namespace meshwarden {

struct ServerGreeting {
  std::string version;  // "2.10.27"
  bool in_cluster = false;
  std::string address;    // where it answered: a number, of those that the host's name has
  bool only_one = false;  // the name has no other
};

// Tries all addresses of the host, one after the other, within `timeout` in all once they are known: how long
// a name takes to look up is the system's affair. Unavailable: no connection,
// or no greeting in time; FailedPrecondition: what answers is no NATS server; Cancelled. The error names each
// address with what is wrong there. Where `tls` says that a server shakes hands first, so does this.
absl::StatusOr<ServerGreeting> ProbeServer(const ServerUrl& url, std::chrono::milliseconds timeout,
                                           const Cancellation& cancellation,
                                           const Resolver& resolve = ResolveBySystem,
                                           const TlsOptions& tls = {});

}  // namespace meshwarden
