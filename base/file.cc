#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

absl::Status SystemError(int error, std::string_view doing, const std::string& path) {
  const std::string message = fmt::format("{} {}: {}", doing, path, std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Opens `path` and checks what can be known before reading: a regular file, at most `max_bytes` long.
absl::Status CheckReadable(int fd, const std::string& path, std::size_t max_bytes, std::size_t& size) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return SystemError(errno, "cannot read", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("cannot read {}: not a regular file", path));
  }
  size = static_cast<std::size_t>(info.st_size);
  if (size > max_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read {}: {} bytes is more than the {} allowed", path, size, max_bytes));
  }
  return absl::OkStatus();
}

// Fills `bytes` from the file; a file that shrinks meanwhile yields fewer.
absl::StatusOr<std::size_t> ReadAll(int fd, const std::string& path, std::span<unsigned char> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(errno, "cannot read", path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

absl::Status WriteAll(int fd, const std::string& path, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t count = ::write(fd, contents.data(), contents.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(errno, "cannot write", path);
    contents.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd) != 0) return SystemError(errno, "cannot sync", path);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return SystemError(errno, "cannot open", path);
  if (::fsync(directory.get()) != 0) return SystemError(errno, "cannot sync", path);
  return absl::OkStatus();
}

// Gives the new file to whom the one at `path` belongs, if there is one.
absl::Status KeepOwner(int fd, const std::string& path) {
  struct stat earlier {};
  if (::lstat(path.c_str(), &earlier) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError(errno, "cannot look at", path);
  }
  if (S_ISLNK(earlier.st_mode)) {
    return absl::InvalidArgumentError(fmt::format(
        "{} is a symbolic link; put the file itself there, or name the folder that it is in", path));
  }
  struct stat now {};
  if (::fstat(fd, &now) != 0) return SystemError(errno, "cannot write", path);
  if (now.st_uid == earlier.st_uid && now.st_gid == earlier.st_gid) return absl::OkStatus();
  if (::fchown(fd, earlier.st_uid, earlier.st_gid) == 0) return absl::OkStatus();
  return Annotate(SystemError(errno, "cannot keep the owner and group of", path),
                  fmt::format("run this as root, since {} belongs to user {} and group {}", path,
                              earlier.st_uid, earlier.st_gid));
}

// Gives the finished file its name. link() fails where anything stands, symbolic links included; rename()
// replaces the name itself and so never follows a link.
absl::Status Publish(const std::string& temporary, const std::string& path, IfExists if_exists) {
  if (if_exists != IfExists::kFail) {
    if (::rename(temporary.c_str(), path.c_str()) != 0) return SystemError(errno, "cannot write", path);
    return absl::OkStatus();
  }
  if (::link(temporary.c_str(), path.c_str()) != 0) return SystemError(errno, "cannot write", path);
  ::unlink(temporary.c_str());
  return absl::OkStatus();
}

// Where a file that is to stand at a path is written first, beside it; mkostemp fills the template in.
struct Temporary {
  std::string directory;
  std::string path;
};

Temporary TemporaryFor(const std::string& path) {
  const std::filesystem::path target(path);
  std::string directory = target.has_parent_path() ? target.parent_path().string() : ".";
  std::string temporary = directory + "/." + target.filename().string() + ".XXXXXX";
  return {.directory = std::move(directory), .path = std::move(temporary)};
}

// Fine if anything is there: the next one below it tells whether it is a directory.
absl::Status MakeOneDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    // What the umask has taken away of it.
    return ::chmod(path.c_str(), 0700) == 0 ? absl::OkStatus()
                                            : SystemError(errno, "cannot set permissions of", path);
  }
  struct stat info {};
  const int error = errno;
  if (error == EEXIST || ::stat(path.c_str(), &info) == 0) return absl::OkStatus();
  return SystemError(error, "cannot create", path);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return SystemError(errno, "cannot read", path);
  std::size_t size = 0;
  MW_RETURN_IF_ERROR(CheckReadable(file.get(), path, max_bytes, size));
  std::string contents(size, '\0');
  MW_ASSIGN_OR_RETURN(
      const std::size_t read,
      ReadAll(file.get(), path, {reinterpret_cast<unsigned char*>(contents.data()), contents.size()}));
  contents.resize(read);
  return contents;
}

absl::StatusOr<Secret> ReadSecretFile(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return SystemError(errno, "cannot read", path);
  std::size_t size = 0;
  MW_RETURN_IF_ERROR(CheckReadable(file.get(), path, max_bytes, size));
  Secret contents(size);
  MW_ASSIGN_OR_RETURN(const std::size_t read, ReadAll(file.get(), path, contents.Expose()));
  if (read != size)
    return absl::UnavailableError(fmt::format("{} changed while it was read; try again", path));
  return contents;
}

absl::Status WriteFile(const std::string& path, std::string_view contents, const WriteFileOptions& options) {
  Temporary temporary = TemporaryFor(path);
  const Descriptor file(::mkostemp(temporary.path.data(), O_CLOEXEC));  // 0600, and never an existing file
  if (file.get() < 0) return SystemError(errno, "cannot write", path);
  absl::Status status = WriteAll(file.get(), path, contents);
  if (status.ok() && options.mode == FileMode::kReadable && ::fchmod(file.get(), 0644) != 0) {
    status = SystemError(errno, "cannot set permissions of", path);
  }
  if (status.ok() && options.if_exists == IfExists::kReplaceForItsOwner) {
    status = KeepOwner(file.get(), path);
  }
  if (status.ok()) status = Publish(temporary.path, path, options.if_exists);
  if (!status.ok()) {
    ::unlink(temporary.path.c_str());
    return status;
  }
  return SyncDirectory(temporary.directory);
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (!error) return absolute.lexically_normal().string();
  return absl::FailedPreconditionError(
      fmt::format("cannot tell where {} is: the working directory is gone ({}); change to one that is there",
                  path, error.message()));
}

absl::Status CheckCanWrite(const std::string& path) {
  Temporary temporary = TemporaryFor(path);
  const Descriptor file(::mkostemp(temporary.path.data(), O_CLOEXEC));
  if (file.get() < 0) return SystemError(errno, "cannot write", path);
  ::unlink(temporary.path.c_str());
  return absl::OkStatus();
}

absl::Status MakeDirectory(const std::string& path) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    if (part.empty()) continue;  // behind a slash at the end
    made /= part;
    MW_RETURN_IF_ERROR(MakeOneDirectory(made.string()));
  }
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  return SystemError(EEXIST, "cannot create", path);
}

}  // namespace meshwarden
