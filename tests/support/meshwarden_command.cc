#include "tests/support/meshwarden_command.h"

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/support/eventually.h"

namespace meshwarden::testing {

Finished RunMeshwarden(const Mesh& mesh, std::vector<std::string> arguments) {
  ProcessOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), Runfile("manager/meshwarden"));
  options.environment = {{"MESHWARDEN_SERVER", mesh.url()}};
  absl::StatusOr<Finished> finished = RunProgram(options, kPatience);
  if (finished.ok()) return *std::move(finished);
  ADD_FAILURE() << "meshwarden: " << finished.status();
  return Finished{};
}

}  // namespace meshwarden::testing
