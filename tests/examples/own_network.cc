#include "tests/examples/own_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace meshwarden::testing {
namespace {

class Socket {
 public:
  explicit Socket(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status TurnLoopbackOn() {
  const Socket socket(SOCK_DGRAM);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof(request.ifr_name) - 1);
  if (::ioctl(socket.fd(), SIOCGIFFLAGS, &request) != 0) return absl::InternalError("lo cannot be asked");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.fd(), SIOCSIFFLAGS, &request) != 0) return absl::InternalError("lo cannot be turned on");
  return absl::OkStatus();
}

absl::Status CheckFree(int port) {
  const Socket socket(SOCK_STREAM);
  const int on = 1;
  (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(fmt::format(
      "the examples need port {}, which is taken, and this system lets the test have no network of its own",
      port));
}

}  // namespace

absl::Status EnterOwnNetwork(int port) {
  if (::unshare(CLONE_NEWNET) == 0) return TurnLoopbackOn();
  return CheckFree(port);
}

}  // namespace meshwarden::testing
