// Files that matter: read whole within a bound, written whole or not at all.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace meshwarden {

// The contents of the regular file at `path`. NotFound if there is none; InvalidArgument if it is longer than
// `max_bytes` or not a regular file.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes);

// As ReadFile, into locked memory; no other copy of the contents is left behind.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path, std::size_t max_bytes);

enum class FileMode {
  kOwnerOnly,  // 0600, for anything with a key in it
  kReadable,   // 0644
};

enum class IfExists {
  kFail,     // AlreadyExists; also when a symbolic link stands there
  kReplace,  // atomically; a symbolic link is replaced, never followed
  // The same, with the owner and group of the file that is replaced: PermissionDenied if they cannot be kept,
  // InvalidArgument if a symbolic link stands there, since the file that it leads to would stay as it is.
  kReplaceForItsOwner,
};

// Writes `contents` to `path` so that a reader sees the old file or the whole new one, never a part, and
// never with wider permissions than `mode`: a temporary file beside it, synced, then renamed. Its directory
// is synced too. A crash leaves at most the temporary file (".<name>.XXXXXX"), with the same permissions.
struct WriteFileOptions {
  FileMode mode = FileMode::kOwnerOnly;
  IfExists if_exists = IfExists::kFail;
};
absl::Status WriteFile(const std::string& path, std::string_view contents, const WriteFileOptions& options);

// `path` from the root of the file system, in its shortest form. FailedPrecondition: the working directory
// is gone, so that nothing relative to it can be named.
absl::StatusOr<std::string> AbsolutePath(const std::string& path);

// Whether WriteFile could put a file at `path` now, found by making and removing a temporary one beside it.
// Errors as WriteFile has them.
absl::Status CheckCanWrite(const std::string& path);

// Creates the directory and what is missing above it, each with mode 0700 whatever the process's umask is;
// what is there stays as it is. However the path is written: "a//b/", "./a". AlreadyExists if something else
// than a directory stands there.
absl::Status MakeDirectory(const std::string& path);

}  // namespace meshwarden
