#include "base/die.h"

#include <poll.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string>

namespace meshwarden {

void Die(std::string_view why) {
  const std::string line = std::string(why.substr(0, PIPE_BUF - 1)) + '\n';
  pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  // What is ready takes PIPE_BUF bytes without blocking.
  if (::poll(&room, 1, 0) == 1) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  std::abort();
}

}  // namespace meshwarden
