// What the project's pages and programs print as examples, taken out of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace meshwarden::testing {

// The bodies of the blocks ```sh … ``` of a Markdown page, those behind the line `heading`.
std::vector<std::string> ShellBlocksAfter(std::string_view page, std::string_view heading);

// What a help text shows behind its last line "Example:" or "Examples:", one command an element, its lines
// joined as they stand there (with their backslashes) and without the indentation.
std::vector<std::string> ExamplesOf(std::string_view help);

// The names under "Subcommands:" of a help text.
std::vector<std::string> SubcommandsOf(std::string_view help);

}  // namespace meshwarden::testing
