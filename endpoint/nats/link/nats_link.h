// One connection of the C library, from its making to its end. It is never reconnected: when it is lost, the
// next Link takes its place.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "endpoint/nats/link/event_loop.h"
#include "endpoint/nats/link/nats_handles.h"
#include "endpoint/nats/server/connection_options.h"
#include "endpoint/nats/server/server_url.h"

namespace meshwarden {

class Link {
 public:
  struct Options {
    const ConnectionOptions& connection;
    std::shared_ptr<const Creds> creds = nullptr;  // to log in with; may be null
    ServerUrl url;
    std::string address = {};  // of the host, as a number; empty: whichever the library finds
    std::chrono::milliseconds timeout;
    std::string inbox_prefix;
    natsErrHandler on_error;
    void* on_error_closure;
  };
  // Connects and logs in; blocks for at most `timeout`. Nothing is read before
  // loop.StartReading().
  static absl::StatusOr<std::shared_ptr<Link>> Connect(const Options& options, EventLoop& loop);

  // Close() must have been called, or the loop must still live.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  natsConnection* get() const { return connection_; }

  // Ends the connection; calls that wait on it return. Not on the loop's thread. Idempotent.
  void Close();
  // Why the library closed the connection, in its words or the server's; not to be decided upon.
  std::string LastError() const;

 private:
  Link(natsConnection* connection, EventLoop& loop) : connection_(connection), loop_(loop) {}
  natsConnection* const connection_;
  EventLoop& loop_;
  bool closed_ = false;
};

}  // namespace meshwarden
