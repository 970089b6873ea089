// The command line's main.
#include <iostream>
#include <string>
#include <vector>

#include "manager/cli/cli.h"
#include "manager/process/process_memory.h"

int main(int argc, char** argv) {
  meshwarden::ForbidCoreDumps();
  return meshwarden::RunCli(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), std::cout,
                            std::cerr);
}
