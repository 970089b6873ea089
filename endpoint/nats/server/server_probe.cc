#include "endpoint/nats/server/server_probe.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/text/utf8.h"
#include "endpoint/nats/server/tls_stream.h"

namespace meshwarden {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxGreetingBytes = 64 * 1024;
constexpr std::size_t kMaxVersionBytes = 64;
// For an address that is not the only one; far longer than any network takes to answer.
constexpr std::chrono::milliseconds kFirstMoment{500};
constexpr JsonLimits kGreetingLimits{.max_bytes = kMaxGreetingBytes, .max_depth = 4, .max_values = 4096};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

struct AddressDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::string TextOfError(int error) { return std::error_code(error, std::generic_category()).message(); }

absl::Status Unreachable(std::string_view why) { return absl::UnavailableError(std::string(why)); }

absl::Status Closing() { return absl::CancelledError("the connection is being closed"); }

// Waits until `fd` is ready for `events`.
absl::Status Await(int fd, short events, TimePoint deadline, const Cancellation& cancellation) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Unreachable("does not answer; it hangs, or the way to it is blocked");
    const auto [cancel, outer] = cancellation.descriptors();
    std::array<pollfd, 3> wait{{{fd, events, 0}, {cancel, POLLIN, 0}, {outer, POLLIN, 0}}};
    const int ready = poll(wait.data(), wait.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return Unreachable(TextOfError(errno));
    if (ready > 0 && (wait[1].revents | wait[2].revents) != 0) return Closing();
    if (ready > 0) return absl::OkStatus();
  }
}

absl::Status ConnectTo(const addrinfo& address, int fd, TimePoint deadline,
                       const Cancellation& cancellation) {
  if (fd < 0) return Unreachable(TextOfError(errno));
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return absl::OkStatus();
  if (errno != EINPROGRESS) return Unreachable(TextOfError(errno));
  MW_RETURN_IF_ERROR(Await(fd, POLLOUT, deadline, cancellation));
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Unreachable(TextOfError(error));
  return absl::OkStatus();
}

// Reads what has come, into `buffer`; 0 at the end.
using ReadSome = std::function<absl::StatusOr<std::size_t>(std::span<char> buffer)>;

absl::StatusOr<std::size_t> ReadSocket(int fd, std::span<char> buffer, const TlsStream::AwaitSocket& await) {
  while (true) {
    MW_RETURN_IF_ERROR(await(POLLIN));
    const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN && errno != EINTR) return Unreachable(TextOfError(errno));
  }
}

// The first line that the server sends, without its end.
absl::StatusOr<std::string> ReadLine(const ReadSome& read) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < kMaxGreetingBytes) {
    MW_ASSIGN_OR_RETURN(const std::size_t count, read(buffer));
    if (count == 0) return Unreachable("closed the connection without a word");
    text.append(buffer.data(), count);
    if (const auto end = text.find('\r'); end != std::string::npos) return text.substr(0, end);
  }
  return absl::FailedPreconditionError("its greeting is too long");
}

absl::StatusOr<std::string> ReadGreeting(const ServerUrl& url, int fd, const TlsOptions& tls,
                                         const TlsStream::AwaitSocket& await) {
  const bool uses_tls = tls.required || url.tls;
  if (!uses_tls || !tls.handshake_first) {
    absl::StatusOr<std::string> line =
        ReadLine([&](std::span<char> buffer) { return ReadSocket(fd, buffer, await); });
    if (!uses_tls || !absl::IsUnavailable(line.status())) return line;
    return Unreachable(MessageOf(line.status()) +
                       "; or it wants TLS from the first byte on (handshake_first)");
  }
  const std::string& host = tls.server_name.empty() ? url.host : tls.server_name;
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<TlsStream> stream, TlsStream::Open(fd, tls, host, await));
  return ReadLine([&](std::span<char> buffer) { return stream->Read(buffer, await); });
}

absl::StatusOr<ServerGreeting> ParseGreeting(std::string_view line) {
  constexpr std::string_view kInfo = "INFO ";
  const absl::Status no_nats =
      absl::FailedPreconditionError("what answers there is no NATS server; check host and port");
  if (!line.starts_with(kInfo)) return no_nats;
  const absl::StatusOr<Json> info = ParseJsonObject(line.substr(kInfo.size()), kGreetingLimits);
  if (!info.ok()) return no_nats;
  const absl::StatusOr<std::string> version = RequiredString(*info, "version");
  if (!version.ok()) return no_nats;
  const absl::StatusOr<std::optional<std::string>> cluster = OptionalString(*info, "cluster");
  if (!cluster.ok()) return no_nats;
  const absl::StatusOr<std::optional<std::string>> name = OptionalString(*info, "server_name");
  if (!name.ok()) return no_nats;
  // A leaf of other servers that is in no cluster calls itself one by its own name.
  const bool in_cluster = !cluster->value_or("").empty() && *cluster != *name;
  return ServerGreeting{.version = std::string(FirstBytes(*version, kMaxVersionBytes)),
                        .in_cluster = in_cluster,
                        .address = {},
                        .only_one = false};
}

absl::StatusOr<ServerGreeting> ProbeAddress(const ServerUrl& url, const std::string& address,
                                            const TlsOptions& tls, TimePoint deadline,
                                            const Cancellation& cancellation) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.c_str(), url.port.c_str(), &hints, &found);
  if (error != 0) return Unreachable(gai_strerror(error));
  const std::unique_ptr<addrinfo, AddressDeleter> owner(found);
  const Descriptor fd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  MW_RETURN_IF_ERROR(ConnectTo(*found, fd.get(), deadline, cancellation));
  const auto await = [&](short events) { return Await(fd.get(), events, deadline, cancellation); };
  MW_ASSIGN_OR_RETURN(const std::string line, ReadGreeting(url, fd.get(), tls, await));
  MW_ASSIGN_OR_RETURN(ServerGreeting greeting, ParseGreeting(line));
  greeting.address = address;
  return greeting;
}

// Why none of the addresses would do, as one error.
absl::Status NoneOf(const ServerUrl& url, const std::vector<std::string>& addresses,
                    const std::vector<absl::Status>& failures) {
  if (failures.size() == 1) return Annotate(failures.front(), fmt::format("server {}", url.Text()));
  std::string text;
  for (std::size_t i = 0; i < failures.size(); ++i) {
    text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", addresses[i], MessageOf(failures[i]));
  }
  return absl::Status(failures.front().code(), fmt::format("server {}: {}", url.Text(), text));
}

}  // namespace

// One that swallows everything must not hide those behind it, nor hold them up: each has a moment first, and
// those that were silent in it share the time that is left if no other will do.
absl::StatusOr<ServerGreeting> ProbeServer(const ServerUrl& url, std::chrono::milliseconds timeout,
                                           const Cancellation& cancellation, const Resolver& resolve,
                                           const TlsOptions& tls) {
  // Looking a name up can't be called off: at most one look-up is waited for.
  if (cancellation.cancelled()) return Annotate(Closing(), url.Text());
  const absl::StatusOr<std::vector<std::string>> addresses = resolve(url.host);
  if (cancellation.cancelled()) return Annotate(Closing(), url.Text());
  // Only now: name servers that take long leave the addresses their time.
  const TimePoint deadline = std::chrono::steady_clock::now() + timeout;
  if (!addresses.ok()) return Annotate(addresses.status(), fmt::format("server {}", url.Text()));
  if (addresses->empty()) return Unreachable(fmt::format("server {}: has no address", url.Text()));
  std::vector<absl::Status> failures(addresses->size());
  std::vector<std::size_t> turns(addresses->size());
  std::iota(turns.begin(), turns.end(), std::size_t{0});
  for (bool is_brief = turns.size() > 1; !turns.empty(); is_brief = false) {
    std::vector<std::size_t> silent;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const TimePoint now = std::chrono::steady_clock::now();
      TimePoint until = now + (deadline - now) / static_cast<int>(turns.size() - i);
      if (is_brief) until = std::min(until, now + kFirstMoment);
      absl::StatusOr<ServerGreeting> greeting =
          ProbeAddress(url, (*addresses)[turns[i]], tls, until, cancellation);
      if (greeting.ok()) {
        greeting->only_one = addresses->size() == 1;
        return greeting;
      }
      if (absl::IsCancelled(greeting.status())) return Annotate(greeting.status(), url.Text());
      failures[turns[i]] = greeting.status();
      if (is_brief && std::chrono::steady_clock::now() >= until) silent.push_back(turns[i]);
    }
    turns = std::move(silent);
  }
  return NoneOf(url, *addresses, failures);
}

}  // namespace meshwarden
