// A space on disk as a version wrote it that knew no secret tokens.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/json.h"

namespace meshwarden::testing {

// Rewrites what space init wrote to `directory`: no mappings in the system account, setup and mover without
// secret tokens, of new identities that end after `ttl`, and no watcher.
absl::Status MakeItOfAnEarlierVersion(const std::string& directory,
                                      std::optional<std::chrono::seconds> ttl = std::nullopt);

// Signs the "nats" claims of the system account in the space's server.conf anew, changed by `change`.
absl::Status ChangeSystemAccount(const std::string& directory, const std::function<void(Json&)>& change);

}  // namespace meshwarden::testing
