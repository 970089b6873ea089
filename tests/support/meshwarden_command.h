// The command line as an operator runs it.
#pragma once

#include <string>
#include <vector>

#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing {

// Runs `meshwarden ARGUMENTS…` to its end, against the mesh's broker. One that cannot be run, or that does
// not end, fails the test.
Finished RunMeshwarden(const Mesh& mesh, std::vector<std::string> arguments);

}  // namespace meshwarden::testing
