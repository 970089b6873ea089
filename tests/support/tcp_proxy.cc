#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

// Most bytes kept for one side of a connection; then the other side is no longer read.
constexpr std::size_t kMaxBuffered = 8 * 1024 * 1024;

absl::Status SystemError(std::string_view doing) {
  return absl::InternalError(fmt::format("{}: {}", doing, std::strerror(errno)));
}

// A file descriptor with an owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Close() { *this = Fd(); }

 private:
  int fd_ = -1;
};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// A socket bound to `port` (0: any that is free); several may be bound to one port.
absl::StatusOr<Fd> BoundSocket(int port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const sockaddr_in address = Loopback(port);
  if (!fd.open() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SystemError("bind");
  }
  return fd;
}

absl::StatusOr<int> PortOf(const Fd& fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return SystemError("getsockname");
  }
  return ntohs(address.sin_port);
}

Fd ConnectTo(int port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (!fd.open() || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Fd();
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  return ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0 ? std::move(fd) : Fd();
}

void SetUpClient(const Fd& fd) {
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void Reset(Fd& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd.Close();
}

// One direction of a connection.
struct Flow {
  std::string buffered;
  bool ended = false;  // the source has sent its last byte

  bool wants_input() const { return !ended && buffered.size() < kMaxBuffered; }
  bool done() const { return ended && buffered.empty(); }

  // False if the source is broken.
  bool ReadFrom(int fd) {
    std::array<char, 65536> chunk;
    const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) ended = true;
    buffered.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }
  // False if the destination is broken.
  bool WriteTo(int fd) {
    const ssize_t sent = ::send(fd, buffered.data(), buffered.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    buffered.erase(0, static_cast<std::size_t>(sent));
    return true;
  }
};

pollfd Interest(int fd, bool in, bool out) {
  // Without a wish the descriptor is left out: its hang-up would wake the loop for nothing.
  const int events = (in ? POLLIN : 0) | (out ? POLLOUT : 0);
  return {.fd = events == 0 ? -1 : fd, .events = static_cast<std::int16_t>(events), .revents = 0};
}

}  // namespace

struct TcpProxy::Pair {
  Fd client;
  Fd server;
  Flow to_server = {};
  Flow to_client = {};
  std::string strand_from = "";
  bool stranded = false;
  bool orphaned = false;  // stranded, and the client has gone away

  std::array<pollfd, 2> Interests(const Faults& faults) const {
    const bool answers = !faults.hang && !faults.hold_answers;
    const bool go = !faults.hang;
    return {Interest(client.get(), go && to_server.wants_input(), answers && !to_client.buffered.empty()),
            Interest(server.get(), go && to_client.wants_input(),
                     go && !stranded && !to_server.buffered.empty())};
  }

  // False once the connection is over.
  bool Handle(const pollfd& at_client, const pollfd& at_server) {
    if (!orphaned && !ServeClient(at_client)) {
      if (!stranded) return false;
      orphaned = true;
      to_server.ended = true;
      client.Close();
    }
    if (!ServeServer(at_server)) return false;
    if (!orphaned) return !to_server.done() && !to_client.done();
    to_client.buffered.clear();
    // Not closed before the server has read all of it: a reset could overtake what it has yet to read.
    if (to_server.done()) ::shutdown(server.get(), SHUT_WR);
    return !to_client.ended;
  }

  static constexpr int kReadable = POLLIN | POLLHUP | POLLERR;
  static constexpr int kWritable = POLLOUT | POLLHUP | POLLERR;

  // False if it is broken, or has ended while what it sent is held.
  bool ServeClient(const pollfd& polled) {
    if ((polled.events & POLLIN) != 0 && (polled.revents & kReadable) != 0 &&
        !to_server.ReadFrom(client.get())) {
      return false;
    }
    stranded =
        stranded || (!strand_from.empty() && to_server.buffered.find(strand_from) != std::string::npos);
    if ((polled.events & POLLOUT) != 0 && (polled.revents & kWritable) != 0 &&
        !to_client.WriteTo(client.get())) {
      return false;
    }
    return !stranded || !to_server.ended;
  }
  // False if it is broken.
  bool ServeServer(const pollfd& polled) {
    if ((polled.events & POLLIN) != 0 && (polled.revents & kReadable) != 0 &&
        !to_client.ReadFrom(server.get())) {
      return false;
    }
    return (polled.events & POLLOUT) == 0 || (polled.revents & kWritable) == 0 ||
           to_server.WriteTo(server.get());
  }
};

// What the thread works on.
class TcpProxy::Loop {
 public:
  // `place` keeps the port when nobody listens on it.
  Loop(int port, Fd place, Fd wake) : port_(port), place_(std::move(place)), wake_(std::move(wake)) {}

  void Wake() const { ::eventfd_write(wake_.get(), 1); }
  std::size_t connections() const { return pairs_.size(); }
  bool stranded() const {
    return std::any_of(pairs_.begin(), pairs_.end(), [](const Pair& pair) { return pair.stranded; });
  }

  void WorkBy(const Faults& faults) {
    if (faults.cuts != faults_.cuts) CutAll();
    if (faults.strand_from != faults_.strand_from) {
      for (Pair& pair : pairs_) {
        pair.strand_from = faults.strand_from;
        pair.stranded = false;
      }
    }
    faults_ = faults;
    if (faults_.refuse) {
      listener_.Close();
    } else if (!listener_.open()) {
      Listen();
    }
  }

  // One round: waits until there is something to do, and does it.
  void Turn() {
    std::vector<pollfd> polled = {Interest(wake_.get(), true, false), Interest(listener_.get(), true, false)};
    for (const Pair& pair : pairs_) {
      for (const pollfd& interest : pair.Interests(faults_)) polled.push_back(interest);
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) return;
    if (polled[0].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.get(), &ignored);
    }
    std::size_t at = 2;
    for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
      pair = pair->Handle(polled[at], polled[at + 1]) ? std::next(pair) : pairs_.erase(pair);
    }
    if (polled[1].revents != 0) Accept();
  }

 private:
  void Listen() {
    absl::StatusOr<Fd> fd = BoundSocket(port_);
    if (fd.ok() && ::listen(fd->get(), SOMAXCONN) == 0) listener_ = *std::move(fd);
  }
  void Accept() {
    Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.open()) return;
    if (faults_.target_port == 0) return Reset(client);
    Fd server = ConnectTo(faults_.target_port);
    if (!server.open()) return Reset(client);
    SetUpClient(client);
    SetUpClient(server);
    pairs_.push_back({.client = std::move(client), .server = std::move(server)});
  }
  void CutAll() {
    for (Pair& pair : pairs_) {
      Reset(pair.client);
      Reset(pair.server);
    }
    pairs_.clear();
  }

  const int port_;
  const Fd place_;
  const Fd wake_;
  Fd listener_;
  Faults faults_;
  std::list<Pair> pairs_;
};

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Start(int target_port) {
  MW_ASSIGN_OR_RETURN(Fd place, BoundSocket(0));
  MW_ASSIGN_OR_RETURN(const int port, PortOf(place));
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.open()) return SystemError("eventfd");
  return std::unique_ptr<TcpProxy>(
      new TcpProxy(port, target_port, std::make_unique<Loop>(port, std::move(place), std::move(wake))));
}

TcpProxy::TcpProxy(int port, int target_port, std::unique_ptr<Loop> loop)
    : port_(port), loop_(std::move(loop)) {
  wanted_.target_port = target_port;
  thread_ = std::thread([this] { Run(); });
  Refuse(false);  // so that it listens when this returns
}

TcpProxy::~TcpProxy() {
  Apply([](Faults& faults) {
    ++faults.cuts;
    faults.stop = true;
  });
  thread_.join();
}

std::string TcpProxy::url() const { return fmt::format("nats://127.0.0.1:{}", port_); }

void TcpProxy::Cut() {
  Apply([](Faults& faults) { ++faults.cuts; });
}
void TcpProxy::Lead(int target_port) {
  Apply([target_port](Faults& faults) { faults.target_port = target_port; });
}
void TcpProxy::Refuse(bool on) {
  Apply([on](Faults& faults) { faults.refuse = on; });
}
void TcpProxy::Hang(bool on) {
  Apply([on](Faults& faults) { faults.hang = on; });
}
void TcpProxy::HoldAnswers(bool on) {
  Apply([on](Faults& faults) { faults.hold_answers = on; });
}
void TcpProxy::StrandFrom(std::string_view part) {
  Apply([part](Faults& faults) { faults.strand_from = part; });
}
void TcpProxy::ReleaseStranded() {
  Apply([](Faults& faults) { faults.strand_from.clear(); });
}

absl::Status TcpProxy::AwaitStranded(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!stranded_) {
    if (!changed_.WaitUntil(mutex_, deadline)) {
      return absl::DeadlineExceededError(fmt::format("nobody has sent \"{}\"", wanted_.strand_from));
    }
  }
  return absl::OkStatus();
}

template <typename Change>
void TcpProxy::Apply(Change change) {
  const MutexLock lock(mutex_);
  change(wanted_);
  const std::uint64_t mine = ++asked_;
  loop_->Wake();
  while (applied_ < mine) changed_.Wait(mutex_);
}

void TcpProxy::Run() {
  for (bool stop = false; !stop;) {
    {
      const MutexLock lock(mutex_);
      loop_->WorkBy(wanted_);
      stop = wanted_.stop;
      applied_ = asked_;
      connections_ = loop_->connections();
      stranded_ = loop_->stranded();
      changed_.NotifyAll();
    }
    if (!stop) loop_->Turn();
  }
}

std::size_t TcpProxy::connections() const {
  const MutexLock lock(mutex_);
  return connections_;
}

absl::Status TcpProxy::AwaitConnections(std::size_t count, std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (connections_ != count) {
    if (!changed_.WaitUntil(mutex_, deadline)) {
      return absl::DeadlineExceededError(
          fmt::format("{} connections through the proxy, not {}", connections_, count));
    }
  }
  return absl::OkStatus();
}

}  // namespace meshwarden::testing
