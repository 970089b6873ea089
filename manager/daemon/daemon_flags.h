// The daemon's command line: where its configuration comes from, and what overrides it.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <variant>

#include "manager/daemon/config.h"

namespace meshwarden {

enum class DaemonMode {
  kServe,
  kCheck,  // validate and exit
};

struct DaemonOrder {
  DaemonMode mode = DaemonMode::kServe;
  Config config;  // the file with the flags over it
};

// Reads `args` (without the program's name) and the configuration file that they name. Returns what to do, or
// the exit code if there is nothing more to do: 0 after --help or --version, which go to `out`; 1 for a
// configuration that cannot be used and 2 for wrong usage, told on `err`.
std::variant<DaemonOrder, int> ReadDaemonFlags(std::span<const std::string> args, std::ostream& out,
                                               std::ostream& err);

}  // namespace meshwarden
