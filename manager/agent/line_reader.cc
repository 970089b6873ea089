#include "manager/agent/line_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace meshwarden {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;

}  // namespace

LineReader::LineReader(int fd, std::size_t max_bytes)
    : fd_(fd), max_bytes_(max_bytes), stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // A process without descriptors to spare cannot do its work.
  if (stop_event_ < 0) std::abort();
}

LineReader::~LineReader() { ::close(stop_event_); }

void LineReader::Stop() {
  stopped_ = true;
  const std::uint64_t one = 1;
  // It can only fail because the event is set already.
  [[maybe_unused]] const ssize_t written = ::write(stop_event_, &one, sizeof(one));
}

std::optional<LineReader::Line> LineReader::Next() {
  while (!stopped_) {
    if (std::optional<Line> line = TakeLine()) return line;
    if (Fill()) continue;
    if (stopped_) break;
    Line rest = Finish(buffer_.size());
    if (rest.too_long || !rest.text.empty()) return rest;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<LineReader::Line> LineReader::TakeLine() {
  const std::size_t end = buffer_.find('\n', scanned_);
  if (end != std::string::npos) {
    Line line = Finish(end);
    begin_ = scanned_ = end + 1;
    return line;
  }
  // What is left is the beginning of one line.
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (skipping_ || buffer_.size() > max_bytes_) {
    skipping_ = true;
    buffer_.clear();
  }
  scanned_ = buffer_.size();
  return std::nullopt;
}

LineReader::Line LineReader::Finish(std::size_t end) {
  const bool too_long = skipping_ || end - begin_ > max_bytes_;
  Line line{.text = too_long ? std::string() : buffer_.substr(begin_, end - begin_), .too_long = too_long};
  skipping_ = false;
  begin_ = scanned_ = end;
  return line;
}

bool LineReader::Fill() {
  std::array<char, kChunkBytes> chunk;
  while (!stopped_) {
    std::array<pollfd, 2> waits = {pollfd{.fd = fd_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = stop_event_, .events = POLLIN, .revents = 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return false;
    if (waits[0].revents == 0) continue;
    const ssize_t count = ::read(fd_, chunk.data(), chunk.size());
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(count));
      return true;
    }
    if (count == 0 || (errno != EINTR && errno != EAGAIN)) return false;
  }
  return false;
}

}  // namespace meshwarden
