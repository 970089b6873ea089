#include "manager/agent/line_writer.h"

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
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/status.h"

namespace meshwarden {
namespace {

bool IsSocket(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

absl::Status WriteFault(int error) {
  if (error == EPIPE || error == ECONNRESET) {
    return absl::UnavailableError("nobody reads the output any more");
  }
  return absl::UnavailableError(fmt::format("cannot write the output: {}", std::strerror(error)));
}

int MillisecondsUntil(LineWriter::TimePoint when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace

LineWriter::LineWriter(int fd, int hangup_fd, std::chrono::milliseconds grace)
    : fd_(fd),
      hangup_fd_(hangup_fd),
      grace_(grace),
      finish_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      is_socket_(IsSocket(fd)) {
  // A process without descriptors to spare cannot do its work.
  if (finish_event_ < 0) std::abort();
}

LineWriter::~LineWriter() { ::close(finish_event_); }

absl::Status LineWriter::Write(std::string line) {
  line += '\n';
  MW_RETURN_IF_ERROR(TakeTurn());
  absl::Status status = WriteAll(line);
  EndTurn(status);
  return status;
}

void LineWriter::Finish() {
  {
    const MutexLock lock(mutex_);
    if (deadline_.has_value()) return;
    deadline_ = std::chrono::steady_clock::now() + grace_;
  }
  const std::uint64_t one = 1;
  // Nothing else writes to the event, so there is room.
  [[maybe_unused]] const ssize_t written = ::write(finish_event_, &one, sizeof(one));
}

absl::Status LineWriter::TakeTurn() {
  const MutexLock lock(mutex_);
  while (busy_ && fault_.ok()) turn_ended_.Wait(mutex_);
  if (!fault_.ok()) return fault_;
  busy_ = true;
  return absl::OkStatus();
}

void LineWriter::EndTurn(const absl::Status& status) {
  const MutexLock lock(mutex_);
  busy_ = false;
  fault_ = status;
  turn_ended_.NotifyAll();
}

std::optional<LineWriter::TimePoint> LineWriter::deadline() {
  const MutexLock lock(mutex_);
  return deadline_;
}

absl::Status LineWriter::WriteAll(std::string_view text) {
  while (!text.empty()) {
    MW_RETURN_IF_ERROR(AwaitRoom());
    // A pipe that is ready takes PIPE_BUF bytes without blocking, whatever the descriptor's flags, which
    // others may share.
    const ssize_t count = is_socket_
                              ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR && errno != EAGAIN) {
      return WriteFault(errno);
    }
  }
  return absl::OkStatus();
}

absl::Status LineWriter::AwaitRoom() {
  std::optional<TimePoint> hung_up_until;
  while (true) {
    const std::optional<TimePoint> finish = deadline();
    const TimePoint until =
        std::min(finish.value_or(TimePoint::max()), hung_up_until.value_or(TimePoint::max()));
    if (std::chrono::steady_clock::now() >= until) {
      return absl::DeadlineExceededError("the output was not read in time");
    }
    // What has been noticed is not waited for again: it stays so.
    std::array<pollfd, 3> waits = {
        pollfd{.fd = fd_, .events = POLLOUT, .revents = 0},
        pollfd{.fd = finish.has_value() ? -1 : finish_event_, .events = POLLIN, .revents = 0},
        pollfd{.fd = hung_up_until.has_value() ? -1 : hangup_fd_, .events = POLLRDHUP, .revents = 0}};
    const int timeout = until == TimePoint::max() ? -1 : MillisecondsUntil(until);
    if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) return WriteFault(errno);
    if (waits[0].revents != 0) return absl::OkStatus();
    if (waits[2].revents != 0) hung_up_until = std::chrono::steady_clock::now() + grace_;
  }
}

}  // namespace meshwarden
