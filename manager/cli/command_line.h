// What the subcommands of `meshwarden` have in common.
#pragma once

#include <absl/status/status.h>

#include <CLI/App.hpp>
#include <functional>
#include <ostream>

namespace meshwarden {

// Where a subcommand writes, and the deed of the one that was given. Results go to `out`, warnings to `err`;
// the deed's error is printed by whoever runs it.
struct CommandLine {
  std::ostream& out;
  std::ostream& err;
  std::function<absl::Status()> deed;
};

// Each adds one subcommand, with those below it, to `app`.
void AddSpaceCommands(CLI::App& app, CommandLine& line);
void AddProvisionCommand(CLI::App& app, CommandLine& line);
void AddCredsCommands(CLI::App& app, CommandLine& line);
void AddPolicyCommands(CLI::App& app, CommandLine& line);
void AddAgentCommand(CLI::App& app, CommandLine& line);

}  // namespace meshwarden
