// A look at who may read a file that holds a key.
#pragma once

#include <optional>
#include <string>

namespace meshwarden {

// A warning with what to do, if others than the owner may read or write the file at `path`; nothing if that
// is not so or cannot be told.
std::optional<std::string> WarnIfOpenToOthers(const std::string& path);

}  // namespace meshwarden
