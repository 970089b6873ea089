#include "base/private_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace meshwarden {

std::optional<std::string> WarnIfOpenToOthers(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
    return std::nullopt;
  }
  return fmt::format("{} holds a key and others may read it (mode {:04o}); run: chmod 600 {}", path,
                     info.st_mode & 07777U, path);
}

}  // namespace meshwarden
