// The error of a request that nobody serves.
#pragma once

#include <absl/status/status.h>

namespace meshwarden {

// Unavailable, and known by IsNoResponders() (declared in connection.h).
absl::Status NoRespondersError();

}  // namespace meshwarden
