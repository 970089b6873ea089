// The client's side of TLS over a socket that does not block, for looking at servers that speak it from the
// first byte on.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "endpoint/nats/server/connection_options.h"

namespace meshwarden {

class TlsStream {
 public:
  // Waits until the socket is ready for `events` (POLLIN, POLLOUT); an error ends what it was waited for.
  using AwaitSocket = std::function<absl::Status(short events)>;

  // Shakes hands over `fd`, which stays the caller's and must outlive the stream, with a server whose
  // certificate must be good for `host`. FailedPrecondition: it is not trusted, or speaks no TLS; and what
  // `await` returns.
  static absl::StatusOr<std::unique_ptr<TlsStream>> Open(int fd, const TlsOptions& tls,
                                                         const std::string& host, const AwaitSocket& await);
  virtual ~TlsStream() = default;

  // What the server has sent; 0 at its end.
  virtual absl::StatusOr<std::size_t> Read(std::span<char> buffer, const AwaitSocket& await) = 0;
};

}  // namespace meshwarden
