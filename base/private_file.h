// A look at who may read a file that holds a key.
#pragma once

#include <absl/status/status.h>

#include <optional>
#include <string>

namespace meshwarden {

// A warning with what to do, if others than the owner may read or write the file at `path`; nothing if that
// is not so or cannot be told.
std::optional<std::string> WarnIfOpenToOthers(const std::string& path);

// OK if the file at `path` is one's own to trust with a key: a regular file that belongs to this process's
// user and that nobody else may read or write. FailedPrecondition says what is not so; NotFound if there is
// nothing.
absl::Status CheckPrivateFile(const std::string& path);

}  // namespace meshwarden
