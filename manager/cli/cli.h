// The command line `meshwarden`.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace meshwarden {

// Carries out `args` (without the program's name). Results go to `out`, errors with what to do next to `err`.
// Returns the exit code: 0 done, 1 refused or failed, 2 wrong usage.
int RunCli(std::span<const std::string> args, std::ostream& out, std::ostream& err);

}  // namespace meshwarden
