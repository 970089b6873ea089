#include "endpoint/delivery/pull_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

// After a pull that the broker refused, the wait before the next.
constexpr std::chrono::milliseconds kPause{1000};
constexpr std::chrono::milliseconds kNoTime{0};
// Most that one pull may bring, so that large messages can't fill the memory by the hundred.
constexpr std::size_t kMaxPullBytes = 8 * 1024 * 1024;

std::optional<std::string_view> Header(const NatsMessage& message, std::string_view name) {
  for (const auto& [key, value] : message.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

// The status of a message that the server made up itself; nothing for a message of the stream, which has a
// reply subject and the headers that its sender chose.
std::optional<std::string_view> StatusOf(const NatsMessage& message) {
  if (!message.reply.empty() || !message.payload.empty()) return std::nullopt;
  return Header(message, "Status");
}

std::optional<std::size_t> Number(std::optional<std::string_view> text) {
  if (!text.has_value()) return std::nullopt;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

}  // namespace

PullLoop::PullLoop(Connection& connection, Options options, std::shared_ptr<const Backlog> backlog)
    : connection_(connection),
      options_(std::move(options)),
      backlog_(std::move(backlog)),
      inbox_(connection.NewInbox()),
      next_subject_(fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", options_.stream, options_.consumer)) {}

absl::StatusOr<std::shared_ptr<PullLoop>> PullLoop::Start(Connection& connection, Options options,
                                                          std::shared_ptr<const Backlog> backlog) {
  std::shared_ptr<PullLoop> loop(new PullLoop(connection, std::move(options), std::move(backlog)));
  MW_ASSIGN_OR_RETURN(auto subscription,
                      connection.Subscribe(loop->inbox_, "", [raw = loop.get()](NatsMessage m) {
                        raw->OnMessage(std::move(m));
                      }));
  {
    MutexLock lock(loop->subscription_mutex_);
    loop->subscription_ = std::move(subscription);
  }
  loop->Refill();
  return loop;
}

void PullLoop::EndPulling() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(ended_, true)) return;
  }
  MutexLock lock(subscription_mutex_);
  if (subscription_ != nullptr) subscription_->StartDrain();
}

void PullLoop::Stop() {
  EndPulling();
  std::unique_ptr<Subscription> subscription;
  {
    MutexLock lock(subscription_mutex_);
    subscription = std::move(subscription_);
  }
}

void PullLoop::Refill() {
  std::size_t batch = 0;
  {
    MutexLock lock(mutex_);
    const std::size_t taken = outstanding_ + backlog_->count();
    // Not for every message that has been handled: when half of the window is free.
    if (ended_ || taken > options_.window / 2 || (single_ && outstanding_ > 0)) return;
    const TimePoint now = std::chrono::steady_clock::now();
    if (now < pause_until_) return;
    batch = single_ ? 1 : options_.window - taken;
    outstanding_ += batch;
    came_ = false;
    heard_ = now;
  }
  const std::string limit = batch > 1 ? fmt::format("\"max_bytes\":{},", kMaxPullBytes) : "";
  const std::string body = fmt::format("{{\"batch\":{},{}\"expires\":{},\"idle_heartbeat\":{}}}", batch,
                                       limit, std::chrono::nanoseconds(options_.expires).count(),
                                       std::chrono::nanoseconds(options_.heartbeat).count());
  // If it can't be sent the connection is away, and this loop with it.
  if (!connection_.PublishRequest(next_subject_, inbox_, body).ok()) EndPull(batch, /*refused=*/true);
}

void PullLoop::Check(TimePoint now) {
  {
    MutexLock lock(mutex_);
    // Two heartbeats missed: the pull has been lost, by a server that forgot it, a leader that changed, or
    // one that lets pulls fall without a word where too many wait. One behind a lost one, and the first one,
    // is not given as long as one of a loop that has heard of the broker.
    if (outstanding_ > 0 && now - heard_ > 2 * options_.heartbeat + (silent_ ? kNoTime : kPause)) {
      silent_ = true;
      outstanding_ = 0;
    }
  }
  Refill();
}

void PullLoop::OnMessage(NatsMessage message) {
  if (const auto status = StatusOf(message)) return OnStatus(message, *status);
  const std::optional<AckSubject> delivery = ParseAckSubject(message.reply);
  {
    MutexLock lock(mutex_);
    heard_ = std::chrono::steady_clock::now();
    silent_ = false;
    if (outstanding_ > 0) --outstanding_;
    came_ = true;
    single_ = false;
  }
  // Anything else did not come from this durable.
  if (delivery.has_value() && delivery->stream == options_.stream &&
      delivery->consumer == options_.consumer) {
    options_.on_message(std::move(message), *delivery);
  }
  Refill();
}

void PullLoop::OnStatus(const NatsMessage& message, std::string_view status) {
  if (status == "100") return OnHeartbeat(message);
  const auto pending = Number(Header(message, "Nats-Pending-Messages"));
  // 404 and 408: the pull ran out. 409 with a number: it was ended early, for its size or a change of leader;
  // with 0 it has brought all that it asked for, which some servers say of a pull with a limit of bytes.
  if (pending.has_value() && (status == "404" || status == "408" || status == "409")) {
    EndPull(*pending, /*refused=*/status != "408" && *pending > 0);
    return Refill();
  }
  EndPull(options_.window, /*refused=*/true);
  options_.on_error(absl::UnavailableError(
      fmt::format("the broker does not let messages of {} be pulled from {} now ({} {}); trying again",
                  options_.consumer, options_.stream, status, Header(message, "Description").value_or(""))));
}

void PullLoop::OnHeartbeat(const NatsMessage& message) {
  {
    MutexLock lock(mutex_);
    heard_ = std::chrono::steady_clock::now();
    silent_ = false;
  }
  const auto deliveries = Number(Header(message, "Nats-Last-Consumer"));
  const auto stream_seq = Number(Header(message, "Nats-Last-Stream"));
  if (options_.on_heartbeat != nullptr && deliveries.has_value() && stream_seq.has_value()) {
    options_.on_heartbeat(*deliveries, *stream_seq);
  }
}

void PullLoop::EndPull(std::size_t undelivered, bool refused) {
  MutexLock lock(mutex_);
  const TimePoint now = std::chrono::steady_clock::now();
  heard_ = now;
  outstanding_ -= std::min(outstanding_, undelivered);
  if (!refused || came_) return;
  // Nothing came of it: not at once again, and then only one, in case its size was too much.
  pause_until_ = now + kPause;
  single_ = true;
}

}  // namespace meshwarden
