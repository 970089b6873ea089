// Waiting for what can only be looked at.
#pragma once

#include <chrono>
#include <functional>

namespace meshwarden::testing {

// Long enough for a loaded machine; a test that waits this long fails.
inline constexpr std::chrono::milliseconds kPatience{20'000};

// Looks again and again until `condition` is true; false if it was not in time.
bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout = kPatience);

}  // namespace meshwarden::testing
