#include "manager/process/log_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

namespace meshwarden {
namespace {

using std::chrono::steady_clock;

mode_t KindOf(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

// A descriptor of our own for the same file. For a pipe or a terminal one that never blocks: others may share
// the one that we were given, and write to it between our look for room and our writing. Where it can't be
// opened anew, looking for room has to do. -1 if `fd` is closed.
int OwnDescriptor(int fd) {
  const mode_t kind = KindOf(fd);
  if (kind == S_IFIFO || kind == S_IFCHR) {
    const int anew =
        ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (anew >= 0) return anew;
  }
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int MillisecondsUntil(steady_clock::time_point when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace

LogOutput::LogOutput(int fd, Options options)
    : options_(std::move(options)),
      fd_(OwnDescriptor(fd)),
      end_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      is_socket_(KindOf(fd_) == S_IFSOCK) {
  // A process without descriptors to spare cannot do its work.
  if (end_event_ < 0) std::abort();
  thread_ = std::thread([this] { Run(); });
}

LogOutput::~LogOutput() {
  {
    const MutexLock lock(mutex_);
    deadline_ = steady_clock::now() + options_.grace;
    changed_.NotifyAll();
  }
  const std::uint64_t one = 1;
  // Nothing else writes to the event, so there is room.
  [[maybe_unused]] const ssize_t written = ::write(end_event_, &one, sizeof(one));
  thread_.join();
  ::close(end_event_);
  if (fd_ >= 0) ::close(fd_);
}

void LogOutput::Put(std::string line) {
  const MutexLock lock(mutex_);
  bytes_ += Cost(line);
  lines_.push_back(std::move(line));
  while (bytes_ > options_.max_bytes) {
    bytes_ -= Cost(lines_.front());
    lines_.pop_front();
    ++dropped_;
  }
  changed_.NotifyAll();
}

void LogOutput::Run() {
  while (std::optional<Next> next = Take()) {
    if (!TellDropped(next->dropped) || !WriteLine(std::move(next->line))) CouldNotWrite();
  }
}

std::optional<LogOutput::Next> LogOutput::Take() {
  const MutexLock lock(mutex_);
  while (lines_.empty() && !deadline_.has_value()) changed_.Wait(mutex_);
  if (lines_.empty()) return std::nullopt;
  bytes_ -= Cost(lines_.front());
  Next next{.line = std::move(lines_.front()), .dropped = dropped_};
  lines_.pop_front();
  return next;
}

bool LogOutput::TellDropped(std::uint64_t count) {
  if (count == 0) return true;
  if (!WriteLine(options_.tell_dropped(count))) return false;
  const MutexLock lock(mutex_);
  dropped_ -= count;
  return true;
}

// What waits would most likely fare no better, and is not to be tried line by line.
void LogOutput::CouldNotWrite() {
  const MutexLock lock(mutex_);
  dropped_ += 1 + lines_.size();
  lines_.clear();
  bytes_ = 0;
}

bool LogOutput::WriteLine(std::string line) {
  if (fd_ < 0) return false;
  if (within_line_) line.insert(0, 1, '\n');
  std::string_view text = line;
  while (!text.empty()) {
    if (!AwaitRoom()) return false;
    // What is ready takes PIPE_BUF bytes without blocking, whatever the descriptor's flags.
    const ssize_t count = is_socket_
                              ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count > 0) {
      within_line_ = text[static_cast<std::size_t>(count) - 1] != '\n';
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    }
  }
  return true;
}

bool LogOutput::AwaitRoom() {
  while (true) {
    const std::optional<Time> until = deadline();
    if (until.has_value() && steady_clock::now() >= *until) return false;
    std::array<pollfd, 2> waits = {
        pollfd{.fd = fd_, .events = POLLOUT, .revents = 0},
        pollfd{.fd = until.has_value() ? -1 : end_event_, .events = POLLIN, .revents = 0}};
    const int timeout = until.has_value() ? MillisecondsUntil(*until) : -1;
    if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) return false;
    if (waits[0].revents != 0) return true;
  }
}

std::optional<LogOutput::Time> LogOutput::deadline() {
  const MutexLock lock(mutex_);
  return deadline_;
}

}  // namespace meshwarden
