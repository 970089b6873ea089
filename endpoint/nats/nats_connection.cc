#include "endpoint/nats/nats_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <random>
#include <utility>

#include "base/status.h"
#include "endpoint/nats/link/nats_codec.h"
#include "endpoint/nats/link/subject_check.h"
#include "endpoint/nats/no_responders.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// Keeps deadlines far from the end of the clock's range.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24);

std::string RandomToken() {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> pick(0, kAlphabet.size() - 1);
  std::string token(22, '\0');
  std::generate(token.begin(), token.end(), [&] { return kAlphabet[pick(random)]; });
  return token;
}

std::string IdOf(const ConnectionOptions& options) {
  if (options.creds_file != nullptr) return options.creds_file->id();
  if (options.creds != nullptr) return options.creds->id();
  return options.id.empty() ? RandomToken() : options.id;
}

absl::Status AwayError() {
  return absl::UnavailableError("not connected to the server; trying to get back, try again shortly");
}

absl::Status ClosedError() { return absl::FailedPreconditionError("the connection is closed"); }

EventLoop::Writers WritersFor(const ConnectionOptions& options, const std::vector<ServerUrl>& servers) {
  const bool tls = options.tls.required ||
                   std::any_of(servers.begin(), servers.end(), [](const ServerUrl& url) { return url.tls; });
  return tls ? EventLoop::Writers::kLoopOnly : EventLoop::Writers::kAnyThread;
}

}  // namespace

class NatsConnection::OwnedSubscription final : public Subscription {
 public:
  OwnedSubscription(NatsConnection& connection, std::shared_ptr<SubscriptionFeed> feed)
      : connection_(connection), feed_(std::move(feed)) {}
  ~OwnedSubscription() override { connection_.Unsubscribe(feed_); }
  void StartDrain() override { feed_->StartDrain(); }
  absl::Status DiscardReceived(std::chrono::milliseconds timeout) override {
    feed_->StartDiscarding();
    MW_RETURN_IF_ERROR(connection_.Flush(timeout));
    feed_->DiscardReceived();
    return absl::OkStatus();
  }

 private:
  NatsConnection& connection_;
  const std::shared_ptr<SubscriptionFeed> feed_;
};

NatsConnection::NatsConnection(ConnectionOptions options, std::vector<ServerUrl> servers)
    : options_(std::move(options)),
      servers_(std::move(servers)),
      resolve_(options_.resolve == nullptr ? ResolveBySystem : options_.resolve),
      id_(IdOf(options_)),
      inbox_prefix_(InboxPrefix(id_)),
      inbox_(fmt::format("{}.{}.", inbox_prefix_, RandomToken())),
      requests_(options_.max_requests_in_flight),
      cancellation_(options_.cancel),
      events_(std::make_shared<ConnectionEvents>()),
      events_key_(events_),
      pace_(options_.reconnect_wait),
      replies_(SubscriptionFeed::Make(inbox_ + "*", "", [this](natsMsg& message) { OnReply(message); })),
      loop_({.on_tick = [this](TimePoint now) { return OnTick(now); }, .on_closed = [this] { OnClosed(); }},
            WritersFor(options_, servers_)) {
  events_->SetWake([this] { loop_.Wake(); });
}

NatsConnection::~NatsConnection() { Close(); }

absl::Status NatsConnection::Start() {
  MW_RETURN_IF_ERROR(Attempt());
  supervisor_ = std::thread([this] { Supervise(); });
  return absl::OkStatus();
}

template <typename PublishCall>
absl::Status NatsConnection::Send(std::string_view what, Urgency urgency, PublishCall publish) {
  MutexLock lock(mutex_);
  if (closed_) return ClosedError();
  if (away_) return AwayError();
  natsConnection* const connection = link_->get();
  if (natsConnection_Buffered(connection) > options_.max_pending_bytes) {
    return absl::ResourceExhaustedError(fmt::format(
        "the server does not take what is sent; {} bytes wait already", options_.max_pending_bytes));
  }
  const auto call = [&] { return publish(connection); };
  const natsStatus status =
      urgency == Urgency::kSoon ? loop_.PublishSoon(connection, call) : loop_.PublishNow(connection, call);
  if (status == NATS_OK) return absl::OkStatus();
  if (status == NATS_CONNECTION_CLOSED) return AwayError();
  return StatusOfNats(status, fmt::format("publish to \"{}\"", what));
}

absl::Status NatsConnection::Publish(std::string_view subject, std::string_view payload) {
  return PublishRequest(subject, "", payload);
}

absl::Status NatsConnection::PublishRequest(std::string_view subject, std::string_view reply,
                                            std::string_view payload) {
  MW_RETURN_IF_ERROR(CheckSubject(subject));
  if (!reply.empty()) MW_RETURN_IF_ERROR(CheckSubject(reply));
  const std::string subject_text(subject);
  const std::string reply_text(reply);
  return Send(subject, Urgency::kNow, [&](natsConnection* connection) {
    const int size = static_cast<int>(payload.size());
    return reply.empty() ? natsConnection_Publish(connection, subject_text.c_str(), payload.data(), size)
                         : natsConnection_PublishRequest(connection, subject_text.c_str(), reply_text.c_str(),
                                                         payload.data(), size);
  });
}

absl::Status NatsConnection::PublishMessage(const NatsMessage& message) {
  if (message.headers.empty()) return PublishRequest(message.subject, message.reply, message.payload);
  MW_RETURN_IF_ERROR(CheckSubject(message.subject));
  if (!message.reply.empty()) MW_RETURN_IF_ERROR(CheckSubject(message.reply));
  MW_ASSIGN_OR_RETURN(const UniqueNatsMsg encoded, EncodeNatsMessage(message));
  return Send(message.subject, Urgency::kNow, [&](natsConnection* connection) {
    return natsConnection_PublishMsg(connection, encoded.get());
  });
}

absl::Status NatsConnection::PublishSoon(std::string_view subject, std::string_view payload) {
  MW_RETURN_IF_ERROR(CheckSubject(subject));
  const std::string subject_text(subject);
  return Send(subject, Urgency::kSoon, [&](natsConnection* connection) {
    return natsConnection_Publish(connection, subject_text.c_str(), payload.data(),
                                  static_cast<int>(payload.size()));
  });
}

// `publish` sends the request on a connection with the reply subject it is given.
template <typename PublishCall>
void NatsConnection::Ask(std::string_view subject, std::chrono::milliseconds timeout, ReplyCallback done,
                         PublishCall publish) {
  if (absl::Status status = CheckSubject(subject); !status.ok()) {
    return FailLater(std::move(done), std::move(status));
  }
  const TimePoint deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongestWait);
  const auto ticket = requests_.Add(subject, deadline, done);
  if (!ticket.has_value()) {
    return FailLater(std::move(done), absl::ResourceExhaustedError(fmt::format(
                                          "{} requests wait for their answers already; try again shortly",
                                          options_.max_requests_in_flight)));
  }
  absl::Status status = publish(fmt::format("{}{:x}", inbox_, ticket->token));
  if (!status.ok()) {
    if (ReplyCallback waiting = requests_.Take(ticket->token))
      FailLater(std::move(waiting), std::move(status));
  } else if (ticket->wake) {
    loop_.Wake();
  }
}

void NatsConnection::RequestAsync(std::string_view subject, std::string_view payload,
                                  std::chrono::milliseconds timeout, ReplyCallback done) {
  Ask(subject, timeout, std::move(done),
      [&](const std::string& reply) { return PublishRequest(subject, reply, payload); });
}

void NatsConnection::RequestMessageAsync(NatsMessage message, std::chrono::milliseconds timeout,
                                         ReplyCallback done) {
  Ask(message.subject, timeout, std::move(done), [&](const std::string& reply) {
    message.reply = reply;
    return PublishMessage(message);
  });
}

// Not called from within RequestAsync: whoever asks may hold a lock that `done` wants.
void NatsConnection::FailLater(ReplyCallback done, absl::Status status) {
  // The status is handed on, not shared: Debian's absl counts its references unseen by the thread sanitizer.
  loop_.Post([done = std::move(done), status = std::move(status)]() mutable { done(std::move(status)); });
}

void NatsConnection::OnReply(natsMsg& message) {
  const std::string_view subject = SubjectOf(message);
  if (!subject.starts_with(inbox_)) return;
  const std::string_view number = subject.substr(inbox_.size());
  std::uint64_t token = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), token, 16);
  if (error != std::errc() || end != number.data() + number.size()) return;
  const ReplyCallback done = requests_.Take(token);
  if (done == nullptr) return;
  if (natsMsg_IsNoResponders(&message)) return done(NoRespondersError());
  done(DecodeNatsMessage(message));
}

absl::StatusOr<std::unique_ptr<Subscription>> NatsConnection::Subscribe(std::string_view subject,
                                                                        std::string_view queue,
                                                                        Handler handler) {
  MW_RETURN_IF_ERROR(CheckSubject(subject));
  if (!queue.empty()) MW_RETURN_IF_ERROR(CheckSubject(queue));
  auto feed = SubscriptionFeed::Make(
      std::string(subject), std::string(queue),
      [handler = std::move(handler)](natsMsg& message) { handler(DecodeNatsMessage(message)); });
  MutexLock lock(mutex_);
  if (closed_) return ClosedError();
  if (!away_) MW_RETURN_IF_ERROR(feed->Bind(link_->get()));
  feeds_.push_back(feed);
  return std::make_unique<OwnedSubscription>(*this, std::move(feed));
}

void NatsConnection::Unsubscribe(const std::shared_ptr<SubscriptionFeed>& feed) {
  {
    MutexLock lock(mutex_);
    std::erase(feeds_, feed);
  }
  feed->End();
}

std::string NatsConnection::NewInbox() {
  // Apart from the requests' subjects, which have one token here.
  return fmt::format("{}s.{:x}", inbox_, ++inboxes_);
}

absl::Status NatsConnection::Flush(std::chrono::milliseconds timeout) {
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    if (closed_) return ClosedError();
    if (away_) return AwayError();
    link = link_;
  }
  const std::int64_t milliseconds = std::max<std::int64_t>(timeout.count(), 1);
  const natsStatus status = natsConnection_FlushTimeout(link->get(), milliseconds);
  if (status == NATS_CONNECTION_CLOSED) return AwayError();
  return StatusOfNats(status, "flush");
}

bool NatsConnection::connected() const {
  MutexLock lock(mutex_);
  return !away_ && !closed_;
}

std::string NatsConnection::server_version() const {
  MutexLock lock(mutex_);
  return greeting_.version;
}

bool NatsConnection::in_cluster() const {
  MutexLock lock(mutex_);
  return greeting_.in_cluster;
}

absl::Status NatsConnection::Drain(std::chrono::milliseconds timeout) {
  const TimePoint deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<std::shared_ptr<SubscriptionFeed>> feeds;
  {
    MutexLock lock(mutex_);
    if (closed_) return absl::OkStatus();
    feeds = feeds_;
  }
  for (const auto& feed : feeds) feed->StartDrain();
  bool in_time = true;
  for (const auto& feed : feeds) in_time = feed->AwaitDrained(deadline) && in_time;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const absl::Status flushed = Flush(left);
  Close();
  if (!in_time) return absl::DeadlineExceededError("drain: a handler had not finished in time");
  return Annotate(flushed, "drain");
}

void NatsConnection::Close() {
  MutexLock close_lock(close_mutex_);
  if (close_done_) return;
  close_done_ = true;
  events_->Stop();
  cancellation_.Cancel();
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  // A request added after this finds the connection closed; on_bind, if it is running, ends soon.
  for (ReplyCallback& done : requests_.TakeAll()) FailLater(std::move(done), ClosedError());
  if (supervisor_.joinable()) supervisor_.join();
  Unbind();
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    link = std::move(link_);
  }
  if (link != nullptr) link->Close();
  replies_->End();
  // Behind what has been posted: once this is done, every callback has been called.
  loop_.FinishClose();
}

}  // namespace meshwarden
