#include "base/private_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace meshwarden {

std::optional<std::string> WarnIfOpenToOthers(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
    return std::nullopt;
  }
  return fmt::format("{} holds a key and others may read it (mode {:04o}); run: chmod 600 {}", path,
                     info.st_mode & 07777U, path);
}

absl::Status CheckPrivateFile(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::NotFoundError(fmt::format("there is no {}", path));
  const bool own = S_ISREG(info.st_mode) && info.st_uid == geteuid();
  if (own && (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is not a file of your own that others can neither read nor write; look at what it is, "
                  "and remove it",
                  path));
}

}  // namespace meshwarden
