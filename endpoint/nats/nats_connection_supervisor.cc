// The part of NatsConnection that keeps it connected.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "endpoint/nats/nats_connection.h"

namespace meshwarden {
namespace {

// For each of several servers to answer in, before the next is tried.
constexpr std::chrono::milliseconds kFirstLook{1500};

}  // namespace

NatsConnection::TimePoint NatsConnection::OnTick(TimePoint now) {
  for (const ConnectionEvents::Report& report : events_->TakeReports()) HandleReport(report);
  TimePoint next;
  for (const ReplyCallback& done : requests_.TakeExpired(now, next)) {
    done(absl::DeadlineExceededError("no answer in time; whether the request was carried out is not known"));
  }
  return next;
}

void NatsConnection::OnClosed() {
  // A request added after this finds the connection away.
  GoAway("the connection to the server was lost while waiting for the answer");
  events_->PostLost();
}

void NatsConnection::GoAway(std::string_view reason) {
  {
    MutexLock lock(mutex_);
    away_ = true;
  }
  for (ReplyCallback& done : requests_.TakeAll()) {
    FailLater(std::move(done), absl::UnavailableError(std::string(reason)));
  }
}

void NatsConnection::Supervise() {
  TellState(true);
  while (events_->AwaitWork()) Rebuild();
}

void NatsConnection::HandleReport(const ConnectionEvents::Report& report) {
  const auto violation = ParsePermissionViolation(report.text);
  if (!violation.has_value()) {
    const std::string about =
        report.subject.empty() ? "" : fmt::format("subscription \"{}\": ", report.subject);
    return TellError(StatusOfNats(report.status, fmt::format("{}{}", about, report.text)));
  }
  const bool publish = violation->operation == PermissionViolation::Operation::kPublish;
  const std::string denied =
      fmt::format("the server does not allow this credential to {} \"{}\"{}",
                  publish ? "publish to" : "subscribe to", violation->subject, violation->cut ? "…" : "");
  TellError(absl::PermissionDeniedError(denied));
  if (!publish) return;
  const auto match = violation->cut ? PendingRequests::Match::kPrefix : PendingRequests::Match::kWhole;
  for (const ReplyCallback& done : requests_.TakeSubject(violation->subject, match)) {
    done(absl::PermissionDeniedError(denied));
  }
}

void NatsConnection::TellError(const absl::Status& status) {
  if (options_.on_error != nullptr) options_.on_error(status);
}

void NatsConnection::TellCause(const absl::Status& status) {
  if (told_.IsNews(MessageOf(status))) TellError(status);
}

void NatsConnection::TellState(bool is_connected) {
  if (options_.on_state != nullptr) options_.on_state(is_connected);
}

// The link's own end is over once this returns: what the loop had to say of it has been said, and is dealt
// with here.
std::string NatsConnection::DropLink() {
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    link = std::move(link_);
  }
  if (link == nullptr) return "";
  link->Close();
  events_->ClearLost();
  return link->LastError();
}

void NatsConnection::Rebuild() {
  const bool lost = !connected();
  GoAway("the connection is being replaced; try again shortly");
  TellState(false);
  Unbind();
  const std::string reason = DropLink();
  if (lost) TellError(absl::UnavailableError(fmt::format("connection lost: {}", reason)));
  BeginOutage();
  while (events_->AwaitAttempt(last_attempt_ + pace_.Wait(random_))) {
    events_->BeginAttempt();
    const absl::Status status = Attempt();
    if (status.ok()) TellState(true);
    const bool is_closing = absl::IsCancelled(status);
    events_->EndAttempt(is_closing ? absl::FailedPreconditionError("the connection is closed") : status);
    if (status.ok() || is_closing) return;
    pace_.Failed(refused_);
    TellCause(Annotate(status, "reconnect"));
  }
}

// In the second in which a credential ends, a server takes it and closes the connection at once. That counts
// as refused, and the outage as the one before.
void NatsConnection::BeginOutage() {
  if (creds_used_ != nullptr && HasExpired(creds_used_->decoded().claims, Clock::System().Now())) {
    return pace_.Failed(/*refused=*/true);
  }
  pace_.Succeeded();
  told_.Forget();
}

absl::Status NatsConnection::Attempt() {
  MW_RETURN_IF_ERROR(Connect());
  if (options_.on_bind == nullptr) return absl::OkStatus();
  bound_ = true;
  absl::Status status = options_.on_bind(*this);
  if (status.ok()) return status;
  GoAway("the connection could not be set up");
  Unbind();
  DropLink();
  return status;
}

void NatsConnection::Unbind() {
  if (std::exchange(bound_, false) && options_.on_unbind != nullptr) options_.on_unbind();
}

absl::Status NatsConnection::Reconnect() { return events_->RequestAttempt(); }

void NatsConnection::ReconnectSoon() { events_->PostRequest(); }

// A server that hangs must not hold up whoever could be with another one by now: each has a moment first, and
// only if none had an answer in it do those that were silent have the whole time.
absl::Status NatsConnection::Connect() {
  last_attempt_ = std::chrono::steady_clock::now();
  refused_ = false;
  std::vector<std::size_t> order = NextOrder();
  std::vector<std::size_t> silent;
  const bool has_others = order.size() > 1;
  std::chrono::milliseconds timeout = options_.connect_timeout;
  if (has_others) timeout = std::min(timeout, kFirstLook);
  absl::Status telling;
  std::size_t told_of = 0;
  for (; !order.empty(); order = std::exchange(silent, {}), timeout = options_.connect_timeout) {
    for (const std::size_t server : order) {
      const TimePoint begin = std::chrono::steady_clock::now();
      absl::Status status = ConnectTo(server, timeout);
      if (status.ok()) refused_ = false;
      if (status.ok() || absl::IsCancelled(status)) return status;
      refused_ = refused_ || absl::IsPermissionDenied(status);
      const bool timed_out = std::chrono::steady_clock::now() - begin >= timeout;
      if (timed_out && timeout < options_.connect_timeout) silent.push_back(server);
      // Whatever the order: a refusal rather than that one is away, and always of the same server, so that
      // nobody hears of a new failure with each attempt.
      const bool is_refusal = !absl::IsUnavailable(status);
      const bool told_refusal = !telling.ok() && !absl::IsUnavailable(telling);
      if (telling.ok() || (is_refusal == told_refusal ? server <= told_of : is_refusal)) {
        telling = std::move(status);
        told_of = server;
      }
    }
  }
  return telling;
}

// In a random order, so that the clients of a cluster spread over it; but last of all the one that was lost.
std::vector<std::size_t> NatsConnection::NextOrder() {
  std::vector<std::size_t> order(servers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random_);
  std::stable_partition(order.begin(), order.end(),
                        [this](std::size_t server) { return server != last_server_; });
  return order;
}

// At the address that has answered. But the library tells a TLS server what it was given, and some servers go
// by the name: so the name it is where that can only mean this address, and where the address is refused.
absl::StatusOr<std::shared_ptr<Link>> NatsConnection::LogInWhere(const ServerUrl& url,
                                                                 const ServerGreeting& greeting,
                                                                 std::chrono::milliseconds timeout) {
  const bool uses_tls = options_.tls.required || url.tls;
  const std::string by_name;
  if (uses_tls && greeting.only_one) return LogIn(url, by_name, timeout);
  absl::StatusOr<std::shared_ptr<Link>> link = LogIn(url, greeting.address, timeout);
  if (!uses_tls || !absl::IsFailedPrecondition(link.status()) || url.host == greeting.address) return link;
  absl::StatusOr<std::shared_ptr<Link>> named = LogIn(url, by_name, timeout);
  return named.ok() ? std::move(named) : std::move(link);
}

absl::Status NatsConnection::ConnectTo(std::size_t server, std::chrono::milliseconds timeout) {
  const ServerUrl& url = servers_[server];
  MW_ASSIGN_OR_RETURN(ServerGreeting greeting,
                      ProbeServer(url, timeout, cancellation_, resolve_, options_.tls));
  MW_ASSIGN_OR_RETURN(std::shared_ptr<Link> link, LogInWhere(url, greeting, timeout));
  MW_RETURN_IF_ERROR(Install(std::move(link), std::move(greeting)));
  last_server_ = server;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Link>> NatsConnection::LogIn(const ServerUrl& url, const std::string& address,
                                                            std::chrono::milliseconds timeout) {
  if (options_.creds_file == nullptr) return LogInAs(url, address, timeout, options_.creds);
  CredsFile& file = *options_.creds_file;
  const CredsFile::Offer offer = file.Read(Clock::System().Now());
  if (!offer.trouble.ok()) TellCause(offer.trouble);
  absl::Status failed;
  for (const std::shared_ptr<const Creds>& creds : offer.creds) {
    absl::StatusOr<std::shared_ptr<Link>> link = LogInAs(url, address, timeout, creds);
    if (link.ok()) {
      file.Accept(creds);
      // It must not hide that what lies on disk is no good.
      if (!failed.ok()) TellCause(failed);
      return link;
    }
    // Also one that is not refused in words: a server closes the connection where a credential is too long
    // for it, and knows why it does.
    absl::Status status = link.status();
    if (!absl::IsPermissionDenied(status) && offer.creds.size() > 1) {
      status = Annotate(status, fmt::format("with what lies in the creds file {}", file.path()));
    }
    if (failed.ok() || (absl::IsPermissionDenied(status) && !absl::IsPermissionDenied(failed))) {
      failed = std::move(status);
    }
  }
  return failed;
}

absl::StatusOr<std::shared_ptr<Link>> NatsConnection::LogInAs(const ServerUrl& url,
                                                              const std::string& address,
                                                              std::chrono::milliseconds timeout,
                                                              const std::shared_ptr<const Creds>& creds) {
  absl::StatusOr<std::shared_ptr<Link>> link = Link::Connect({.connection = options_,
                                                              .creds = creds,
                                                              .url = url,
                                                              .address = address,
                                                              .timeout = timeout,
                                                              .inbox_prefix = inbox_prefix_,
                                                              .on_error = &ConnectionEvents::OnError,
                                                              .on_error_closure = events_key_.closure()},
                                                             loop_);
  if (link.ok()) creds_used_ = creds;
  if (creds == nullptr || !absl::IsPermissionDenied(link.status())) return link;
  std::string why = MessageOf(link.status());
  if (const std::string expiry = ExpiryText(*creds, Clock::System().Now()); !expiry.empty())
    why += "; " + expiry;
  if (options_.creds_file != nullptr) {
    why +=
        fmt::format(", file {}; a good one there is taken at the next attempt", options_.creds_file->path());
  }
  return absl::PermissionDeniedError(why);
}

absl::Status NatsConnection::Install(std::shared_ptr<Link> link, ServerGreeting greeting) {
  MutexLock lock(mutex_);
  MW_RETURN_IF_ERROR(replies_->Bind(link->get()));
  for (const auto& feed : feeds_) MW_RETURN_IF_ERROR(feed->Bind(link->get()));
  if (!loop_.StartReading()) {
    return absl::UnavailableError(fmt::format("connection lost at once: {}", link->LastError()));
  }
  link_ = std::move(link);
  greeting_ = std::move(greeting);
  away_ = false;
  return absl::OkStatus();
}

}  // namespace meshwarden
