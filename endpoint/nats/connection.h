// One connection to a NATS server, kept alive.
//
// Connection wraps the cnats client library: it authenticates with a creds file's identity, uses that
// identity's own inbox prefix, and keeps many requests in flight over one inbox subscription. However it is
// lost, Connection builds a new library connection by itself and puts the subscriptions back, until it is
// closed. Nothing is kept for later meanwhile: what can't be sent is refused.
//
// Threads: handlers and callbacks run on threads of this object, never while it holds a lock, and may call
// any method except Request(), Flush(), Drain() and the destructor. A subscription's handler is called one
// message at a time and may take its time; all other callbacks hold up the connection and must be brief.
// Publish, RequestAsync and Subscribe do not block on the network; Request blocks for at most its time-out.
// Thread-safe.
//
// Errors: Unavailable (not connected; or no responder: see IsNoResponders), DeadlineExceeded (no answer in
// time: whether the request was carried out is unknown), PermissionDenied (the server refused the subject),
// FailedPrecondition (closed).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "endpoint/nats/link/nats_message.h"
#include "endpoint/nats/server/connection_options.h"

namespace meshwarden {

// True for the error of a request that nobody serves, as opposed to a lost connection.
bool IsNoResponders(const absl::Status& status);

// Ends the subscription when destroyed; afterwards the handler is not called again and is not running, unless
// it is the handler itself that destroys it. Must not outlive the connection.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // Asks the server to send no more; what it has sent is still handled. Brief. Idempotent. For this
  // connection only: one that replaces it subscribes again, unless this object is gone by then.
  virtual void StartDrain() = 0;
  // Throws away, unhandled, all that the server has sent so far: what waits here and what is still on its
  // way. From the call on nothing of that is handled, whatever it returns. Waits until the server has shown,
  // by answering a ping, that all of it has come. DeadlineExceeded, Unavailable: it has not; whatever comes
  // over the present connection is thrown away until another call succeeds, and the next connection begins
  // afresh. Not from a handler of this connection.
  virtual absl::Status DiscardReceived(std::chrono::milliseconds timeout) = 0;
};

class Connection {
 public:
  using Handler = std::function<void(NatsMessage)>;
  using ReplyCallback = std::function<void(absl::StatusOr<NatsMessage>)>;

  // Connects, or says why not (an authentication refusal is PermissionDenied). Never retries the first
  // attempt.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(ConnectionOptions options);

  virtual ~Connection() = default;

  virtual absl::Status Publish(std::string_view subject, std::string_view payload) = 0;
  virtual absl::Status PublishRequest(std::string_view subject, std::string_view reply,
                                      std::string_view payload) = 0;
  virtual absl::Status PublishMessage(const NatsMessage& message) = 0;  // with headers
  // For many small messages in a row, such as acknowledgements: sent together with others, within moments.
  virtual absl::Status PublishSoon(std::string_view subject, std::string_view payload) = 0;

  // Sends a request and calls `done` exactly once: with the answer, or with the error. A connection that is
  // away, or goes away meanwhile, ends the wait at once with Unavailable.
  virtual void RequestAsync(std::string_view subject, std::string_view payload,
                            std::chrono::milliseconds timeout, ReplyCallback done) = 0;
  // The same with headers; `message.reply` is set here.
  virtual void RequestMessageAsync(NatsMessage message, std::chrono::milliseconds timeout,
                                   ReplyCallback done) = 0;
  // The same, blocking. Must not be called from a handler or callback of this connection.
  absl::StatusOr<NatsMessage> Request(std::string_view subject, std::string_view payload,
                                      std::chrono::milliseconds timeout);
  absl::StatusOr<NatsMessage> RequestMessage(NatsMessage message, std::chrono::milliseconds timeout);

  // Calls `handler` for each message on `subject`; with a `queue`, shares them with that queue group's other
  // members. Survives reconnections.
  virtual absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(std::string_view subject,
                                                                  std::string_view queue,
                                                                  Handler handler) = 0;

  // A fresh subject below this connection's inbox prefix.
  virtual std::string NewInbox() = 0;
  // Waits until the server has everything that was published.
  virtual absl::Status Flush(std::chrono::milliseconds timeout) = 0;

  // Gives the present connection up for a new one, at once: an attempt that is under way is shared, the wait
  // for the next one is cut short. Returns how that one attempt ended; if it failed, others follow as after
  // any loss. Must not be called from a handler or callback of this connection, nor from on_bind or
  // on_unbind.
  virtual absl::Status Reconnect() = 0;
  // The same without waiting for how it ends. Brief; may be called from anywhere. An attempt that is under
  // way does not count: another follows it.
  virtual void ReconnectSoon() = 0;

  virtual bool connected() const = 0;
  // "2.10.27"; the last server connected to.
  virtual std::string server_version() const = 0;
  // Whether that server belongs to a cluster, by its own account.
  virtual bool in_cluster() const = 0;
  // The identity of the creds, or a random one on an open server; the inbox prefix is made of it.
  virtual const std::string& id() const = 0;

  // Stops delivering to handlers after those already received have been handled, sends what is buffered, and
  // closes; waits for at most `timeout`. Requests in flight end with FailedPrecondition. Idempotent. The
  // destructor closes without waiting for buffered messages.
  virtual absl::Status Drain(std::chrono::milliseconds timeout) = 0;
};

}  // namespace meshwarden
