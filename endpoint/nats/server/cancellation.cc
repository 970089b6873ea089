#include "endpoint/nats/server/cancellation.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace meshwarden {

// A process that has no descriptors left can't do its work; there is nothing to fall back to.
Cancellation::Cancellation(std::shared_ptr<const Cancellation> outer)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), outer_(std::move(outer)) {
  if (event_ < 0) std::abort();
}

Cancellation::~Cancellation() { close(event_); }

void Cancellation::Cancel() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

bool Cancellation::cancelled() const {
  const auto [own, outer] = descriptors();
  std::array<pollfd, 2> ask{{{own, POLLIN, 0}, {outer, POLLIN, 0}}};
  return poll(ask.data(), ask.size(), 0) > 0;
}

}  // namespace meshwarden
