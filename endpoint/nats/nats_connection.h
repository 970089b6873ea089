// Connection on top of the C library. See connection.h for what it promises; this says how.
//
// Threads: the event loop reads, writes, ends waits that run out, and passes on what the server reports; a
// supervisor replaces a lost Link and calls on_bind, on_unbind and on_state; the library gives each
// subscription a thread of its own, and the inbox's runs the reply callbacks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "endpoint/nats/connection.h"
#include "endpoint/nats/link/callback_registry.h"
#include "endpoint/nats/link/connection_events.h"
#include "endpoint/nats/link/event_loop.h"
#include "endpoint/nats/link/nats_link.h"
#include "endpoint/nats/link/subscription_feed.h"
#include "endpoint/nats/pending_requests.h"
#include "endpoint/nats/permission_violation.h"
#include "endpoint/nats/retry_pace.h"
#include "endpoint/nats/server/resolver.h"
#include "endpoint/nats/server/server_probe.h"
#include "endpoint/nats/server/server_url.h"
#include "endpoint/nats/told_causes.h"

namespace meshwarden {

class NatsConnection final : public Connection {
 public:
  NatsConnection(ConnectionOptions options, std::vector<ServerUrl> servers);
  ~NatsConnection() override;

  // The first connection; to be called once, before anything else.
  absl::Status Start();

  absl::Status Publish(std::string_view subject, std::string_view payload) override;
  absl::Status PublishRequest(std::string_view subject, std::string_view reply,
                              std::string_view payload) override;
  absl::Status PublishMessage(const NatsMessage& message) override;
  absl::Status PublishSoon(std::string_view subject, std::string_view payload) override;
  void RequestAsync(std::string_view subject, std::string_view payload, std::chrono::milliseconds timeout,
                    ReplyCallback done) override;
  void RequestMessageAsync(NatsMessage message, std::chrono::milliseconds timeout,
                           ReplyCallback done) override;
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(std::string_view subject, std::string_view queue,
                                                          Handler handler) override;
  std::string NewInbox() override;
  absl::Status Flush(std::chrono::milliseconds timeout) override;
  absl::Status Reconnect() override;
  void ReconnectSoon() override;
  bool connected() const override;
  std::string server_version() const override;
  bool in_cluster() const override;
  const std::string& id() const override { return id_; }
  absl::Status Drain(std::chrono::milliseconds timeout) override;

 private:
  class OwnedSubscription;
  using TimePoint = std::chrono::steady_clock::time_point;

  // Publishing.
  enum class Urgency { kNow, kSoon };
  template <typename PublishCall>
  absl::Status Send(std::string_view what, Urgency urgency, PublishCall publish);
  template <typename PublishCall>
  void Ask(std::string_view subject, std::chrono::milliseconds timeout, ReplyCallback done,
           PublishCall publish);
  void FailLater(ReplyCallback done, absl::Status status);
  void OnReply(natsMsg& message);

  // The event loop's thread.
  TimePoint OnTick(TimePoint now);
  void OnClosed();

  // Any thread: requests in flight end, and none is taken until there is a link again.
  void GoAway(std::string_view reason);

  // The supervisor's thread; Attempt and Unbind also run before and after there is a supervisor.
  void Supervise();
  void HandleReport(const ConnectionEvents::Report& report);
  void TellError(const absl::Status& status);
  // Once in an outage.
  void TellCause(const absl::Status& status);
  void TellState(bool is_connected);
  std::string DropLink();  // returns why it ended
  void Rebuild();
  void BeginOutage();
  absl::Status Attempt();
  void Unbind();
  absl::Status Connect();
  // The servers by their places in servers_, as they are to be tried now.
  std::vector<std::size_t> NextOrder();
  absl::Status ConnectTo(std::size_t server, std::chrono::milliseconds timeout);
  absl::StatusOr<std::shared_ptr<Link>> LogInWhere(const ServerUrl& url, const ServerGreeting& greeting,
                                                   std::chrono::milliseconds timeout);
  // With one credential after the other, until one will do.
  absl::StatusOr<std::shared_ptr<Link>> LogIn(const ServerUrl& url, const std::string& address,
                                              std::chrono::milliseconds timeout);
  absl::StatusOr<std::shared_ptr<Link>> LogInAs(const ServerUrl& url, const std::string& address,
                                                std::chrono::milliseconds timeout,
                                                const std::shared_ptr<const Creds>& creds);
  absl::Status Install(std::shared_ptr<Link> link, ServerGreeting greeting);

  void Unsubscribe(const std::shared_ptr<SubscriptionFeed>& feed);
  void Close();

  // Constant after construction.
  const ConnectionOptions options_;
  const std::vector<ServerUrl> servers_;
  const Resolver resolve_;
  const std::string id_;
  const std::string inbox_prefix_;  // "_INBOX_<id>"
  const std::string inbox_;         // "_INBOX_<id>.<random>."; the number of a request follows

  // With their own synchronisation.
  PendingRequests requests_;
  Cancellation cancellation_;
  const std::shared_ptr<ConnectionEvents> events_;
  const CallbackKey events_key_;
  std::atomic<std::uint64_t> inboxes_{0};

  mutable Mutex mutex_;
  // Null while away. Publishing happens under the lock: the library has one of its own around it anyway.
  std::shared_ptr<Link> link_ MW_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<SubscriptionFeed>> feeds_ MW_GUARDED_BY(mutex_);
  ServerGreeting greeting_ MW_GUARDED_BY(mutex_);  // of the last server connected to
  bool away_ MW_GUARDED_BY(mutex_) = true;
  bool closed_ MW_GUARDED_BY(mutex_) = false;

  // The supervisor's own (Start's and Close's, while there is none).
  std::optional<std::size_t> last_server_;  // that was connected to
  std::mt19937 random_{std::random_device()()};
  TimePoint last_attempt_;
  std::shared_ptr<const Creds> creds_used_;  // by the last login that was granted
  bool refused_ = false;                     // the last attempt, by one of the servers at least
  RetryPace pace_;
  ToldCauses told_;
  bool bound_ = false;  // on_bind has been called and on_unbind not yet

  // One Close at a time; taken before mutex_.
  Mutex close_mutex_;
  bool close_done_ MW_GUARDED_BY(close_mutex_) = false;

  std::shared_ptr<SubscriptionFeed> replies_;  // the inbox
  EventLoop loop_;
  std::thread supervisor_;  // last: it uses all of the above
};

}  // namespace meshwarden
