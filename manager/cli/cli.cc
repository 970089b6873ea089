#include "manager/cli/cli.h"

#include <CLI/CLI.hpp>
#include <ostream>
#include <vector>

#include "base/secret_token.h"
#include "base/status.h"
#include "manager/cli/command_line.h"
#include "manager/process/version.h"

namespace meshwarden {
namespace {

constexpr char kDescription[] = "Makes and runs a mesh whose agents read and post where a policy lets them.";
constexpr char kFooter[] =
    "\n--space, --server and --creds are also taken from MESHWARDEN_SPACE, MESHWARDEN_SERVER and\n"
    "MESHWARDEN_CREDS. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.\n"
    "\nExample:\n"
    "  meshwarden space init --space main --dir ./mesh\n"
    "  nats-server -c ./mesh/server.conf &\n"
    "  meshwarden space setup --creds ./mesh/creds/setup.creds --wait 10s\n"
    "  meshwarden provision planner --policy policy.yaml --issuer ./mesh/issuer.json \\\n"
    "      --creds ./mesh/creds/setup.creds --out planner.creds";

// The commands down to the one that the arguments name, for a hint at its help.
std::string GivenCommand(const CLI::App& app) {
  std::string given = app.get_name();
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    given += " " + at->get_name();
  }
  return given;
}

}  // namespace

int RunCli(std::span<const std::string> args, std::ostream& out, std::ostream& err) {
  CLI::App app(kDescription, "meshwarden");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("meshwarden ") + kVersion);
  app.require_subcommand(1);
  CommandLine line{.out = out, .err = err, .deed = nullptr};
  AddSpaceCommands(app, line);
  AddProvisionCommand(app, line);
  AddCredsCommands(app, line);
  AddPolicyCommands(app, line);
  AddAgentCommand(app, line);
  try {
    // CLI11 takes arguments from the back.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success& done) {
    return app.exit(done, out, err);
  } catch (const CLI::ParseError& error) {
    err << "meshwarden: " << error.what() << '\n' << GivenCommand(app) << " --help shows an example.\n";
    return 2;
  }
  const absl::Status status = line.deed();
  if (!status.ok()) {
    err << "meshwarden: " << MaskSecretTokens(MessageOf(status)) << '\n';
    return 1;
  }
  return 0;
}

}  // namespace meshwarden
