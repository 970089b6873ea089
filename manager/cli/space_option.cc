#include "manager/cli/space_option.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text/printable.h"

namespace meshwarden {

void AddSpaceOption(CLI::App& command, std::string& space, SpaceFrom from) {
  CLI::Option* option =
      command.add_option("--space", space, "Name of the space; refused if it is another's (default: any)");
  if (from == SpaceFrom::kOptionOrEnvironment) option->envname("MESHWARDEN_SPACE");
}

absl::Status CheckSpace(std::string_view given, std::string_view what, std::string_view is_for) {
  if (given.empty() || given == is_for) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} is for space {}, not {}; name files of one space, or leave "
                  "--space out (MESHWARDEN_SPACE says it too)",
                  what, Quoted(is_for), Quoted(given)));
}

}  // namespace meshwarden
