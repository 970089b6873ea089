// The end of a process that must not go on.
#pragma once

#include <string_view>

namespace meshwarden {

// Writes `why` to standard error, if that takes it at once, and aborts. Whoever waits for the end of the
// process must not have to wait for whoever reads its last words, too.
[[noreturn]] void Die(std::string_view why);

}  // namespace meshwarden
