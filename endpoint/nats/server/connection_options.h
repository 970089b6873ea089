// How a Connection is to be made.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "endpoint/nats/server/cancellation.h"
#include "endpoint/nats/server/creds_file.h"
#include "endpoint/nats/server/resolver.h"
#include "proto/identity/creds.h"

namespace meshwarden {

class Connection;

struct TlsOptions {
  bool required = false;
  // The server speaks TLS from the first byte on (`handshake_first` in its configuration); goes with
  // `required` or a "tls://" URL.
  bool handshake_first = false;
  std::string ca_file;      // empty: the system's
  std::string cert_file;    // with key_file: the client's own certificate
  std::string key_file;     // not encrypted: there is nobody to ask for a passphrase
  std::string server_name;  // must stand in the server's certificate; empty: the host of the URL
};

struct ConnectionOptions {
  // "nats://host:port", tried in a random order, the one that was lost last. Others that a cluster announces
  // are not used: name all.
  std::vector<std::string> servers;
  std::string name;                    // shown in the server's monitoring
  std::shared_ptr<const Creds> creds;  // null: an open server, or one of the next three
  // In the place of `creds`: read anew for each login. Several connections may share one.
  std::shared_ptr<CredsFile> creds_file = nullptr;
  std::shared_ptr<const Secret> token = nullptr;
  std::string user = {};
  std::shared_ptr<const Secret> password = nullptr;
  // What the inbox prefix is made of: one token. Empty: the creds' identity, else a random one.
  std::string id = {};
  TlsOptions tls;
  // Bounds each attempt to reach one of the servers, also one that accepts and then says nothing. Where there
  // are several, each has 1.5 s first. All addresses that its name has share that time.
  std::chrono::milliseconds connect_timeout{5000};
  // Calls off what is being tried to connect, and all further attempts; may be null.
  std::shared_ptr<const Cancellation> cancel = nullptr;
  // How the names of servers become addresses; null: as the operating system says.
  Resolver resolve = nullptr;
  // After a loss, the wait between two attempts to get back, and between two rebuilds. While servers refuse
  // the login it grows to 10 s.
  std::chrono::milliseconds reconnect_wait{250};
  // A server that answers no ping for two of these is given up.
  std::chrono::milliseconds ping_interval{2000};
  // Most requests that may wait for an answer; more are refused with ResourceExhausted. Far below the 10,000
  // at which a server drops its queue of API requests.
  std::size_t max_requests_in_flight = 2048;
  // Most bytes kept for a server that is slow to take them; publishing more is refused with
  // ResourceExhausted. While the connection is away nothing is kept: publishing is refused with Unavailable.
  int max_pending_bytes = 8 * 1024 * 1024;
  // What hangs off a connection and must be made anew on each one, before it counts as connected. An error
  // counts as a failed attempt: the connection is dropped and another is made after reconnect_wait. Called by
  // Open, on its thread, and then on the supervisor's; it may use the connection, Request included. May be
  // null.
  std::function<absl::Status(Connection&)> on_bind;
  // Takes down what on_bind has made, wholly or in part: before each new attempt, and on closing. Called on
  // the same threads, or the closing one, never together with on_bind. May be null.
  std::function<void()> on_unbind;
  // True on every (re)connection, false when it is lost. May be null, as on_error.
  std::function<void(bool connected)> on_state;
  // What the server reports by itself: a denial (which the request on that subject, if one waits, is told as
  // well), a slow consumer, a failed rebuild. Called on two threads, possibly at a time.
  std::function<void(const absl::Status&)> on_error;
};

}  // namespace meshwarden
