// A network of the test's own, in which the ports that examples name are free.
#pragma once

#include <absl/status/status.h>

namespace meshwarden::testing {

// From now on this process, and whatever it starts, has a loopback interface that nobody else is on. To be
// called while it has one thread. Where the system does not allow that, OK if the port `port` is free on the
// machine's own.
absl::Status EnterOwnNetwork(int port);

}  // namespace meshwarden::testing
