// The command line's main.
#include <iostream>
#include <string>
#include <vector>

#include "manager/cli/cli.h"
#include "manager/process/process_memory.h"

int main(int argc, char** argv) {
  meshwarden::ForbidCoreDumps();
  return meshwarden::RunCli(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
