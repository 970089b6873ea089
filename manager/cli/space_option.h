// --space for commands that learn from their files which space they are about: it must be that one.
#pragma once

#include <absl/status/status.h>

#include <CLI/App.hpp>
#include <string>
#include <string_view>

namespace meshwarden {

// Adds --space to `command`. `space` must live until the arguments have been read. Not from MESHWARDEN_SPACE
// where a command only looks at a file, which need not be of the space that one works in.
enum class SpaceFrom { kOptionOnly, kOptionOrEnvironment };
void AddSpaceOption(CLI::App& command, std::string& space, SpaceFrom from);

// InvalidArgument if a space was given and `what` ("policy.yaml") is for another.
absl::Status CheckSpace(std::string_view given, std::string_view what, std::string_view is_for);

}  // namespace meshwarden
