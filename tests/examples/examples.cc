#include "tests/examples/examples.h"

#include <algorithm>
#include <utility>

namespace meshwarden::testing {
namespace {

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view Trimmed(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
}

}  // namespace

std::vector<std::string> ShellBlocksAfter(std::string_view page, std::string_view heading) {
  std::vector<std::string> blocks;
  bool behind = false;
  bool inside = false;
  for (const std::string_view line : LinesOf(page)) {
    behind = behind || line == heading;
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back().append(line).append("\n");
    } else if (behind && line == "```sh") {
      inside = true;
      blocks.emplace_back();
    }
  }
  return blocks;
}

std::vector<std::string> ExamplesOf(std::string_view help) {
  std::vector<std::string> commands;
  bool behind = false;
  bool continued = false;
  for (const std::string_view line : LinesOf(help)) {
    if (line == "Example:" || line == "Examples:") {
      behind = true;
      commands.clear();
      continue;
    }
    if (!behind || Trimmed(line).empty()) continue;
    if (!continued) commands.emplace_back();
    commands.back().append(Trimmed(line)).append("\n");
    continued = line.ends_with('\\');
  }
  return commands;
}

std::vector<std::string> SubcommandsOf(std::string_view help) {
  std::vector<std::string> names;
  bool behind = false;
  for (const std::string_view line : LinesOf(help)) {
    if (behind && !line.starts_with("  ")) behind = false;
    // A name is indented by two, what is said of it by more.
    if (behind && line.size() > 2 && line[2] != ' ') {
      names.emplace_back(line.substr(2, line.substr(2).find(' ')));
    }
    behind = behind || line == "Subcommands:";
  }
  return names;
}

}  // namespace meshwarden::testing
