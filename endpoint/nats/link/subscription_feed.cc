#include "endpoint/nats/link/subscription_feed.h"

#include <fmt/format.h>

#include <utility>

namespace meshwarden {

std::shared_ptr<SubscriptionFeed> SubscriptionFeed::Make(std::string subject, std::string queue,
                                                         Handler handler) {
  std::shared_ptr<SubscriptionFeed> feed(
      new SubscriptionFeed(std::move(subject), std::move(queue), std::move(handler)));
  feed->key_ = std::make_unique<CallbackKey>(feed);
  return feed;
}

SubscriptionFeed::SubscriptionFeed(std::string subject, std::string queue, Handler handler)
    : subject_(std::move(subject)), queue_(std::move(queue)), handler_(std::move(handler)) {}

absl::Status SubscriptionFeed::Bind(natsConnection* connection) {
  MutexLock lock(mutex_);
  if (ended_) return absl::OkStatus();
  natsSubscription* raw = nullptr;
  const natsStatus status =
      queue_.empty()
          ? natsConnection_Subscribe(&raw, connection, subject_.c_str(), &OnMessage, key_->closure())
          : natsConnection_QueueSubscribe(&raw, connection, subject_.c_str(), queue_.c_str(), &OnMessage,
                                          key_->closure());
  if (status != NATS_OK) return StatusOfNats(status, fmt::format("subscribe to \"{}\"", subject_));
  subscription_.reset(raw);
  received_ = 0;
  // It may lie where the one before lay.
  if (discarded_ == raw) discarded_ = nullptr;
  // Fails if the connection has been lost since; then nothing more is delivered.
  if (natsSubscription_SetOnCompleteCB(raw, &OnComplete, key_->closure()) == NATS_OK) ++unfinished_;
  return absl::OkStatus();
}

void SubscriptionFeed::StartDrain() {
  MutexLock lock(mutex_);
  if (subscription_ != nullptr) natsSubscription_Drain(subscription_.get());
}

bool SubscriptionFeed::AwaitDrained(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (handling_ || (unfinished_ > 0 && !ended_)) {
    if (!changed_.WaitUntil(mutex_, deadline)) return !handling_ && unfinished_ == 0;
  }
  return true;
}

void SubscriptionFeed::StartDiscarding() {
  MutexLock lock(mutex_);
  discarded_ = subscription_.get();
  discarded_up_to_ = std::nullopt;
}

void SubscriptionFeed::DiscardReceived() {
  MutexLock lock(mutex_);
  // Bound anew since: what comes now was sent to the new one.
  if (subscription_ == nullptr || discarded_ != subscription_.get()) return;
  int pending = 0;
  std::int64_t delivered = 0;
  const natsStatus status = natsSubscription_GetStats(subscription_.get(), &pending, nullptr, nullptr,
                                                      nullptr, &delivered, nullptr);
  // It fails for one whose connection has ended, from which nothing new comes.
  if (status == NATS_OK) discarded_up_to_ = delivered + pending;
}

bool SubscriptionFeed::IsDiscarded(const natsSubscription* from) {
  if (from == subscription_.get()) ++received_;
  if (from != discarded_ || discarded_ == nullptr) return false;
  return !discarded_up_to_.has_value() || received_ <= *discarded_up_to_;
}

void SubscriptionFeed::End() {
  UniqueNatsSubscription subscription;
  {
    MutexLock lock(mutex_);
    ended_ = true;
    subscription = std::move(subscription_);
    changed_.NotifyAll();
  }
  if (subscription != nullptr) natsSubscription_Unsubscribe(subscription.get());
  MutexLock lock(mutex_);
  while (handling_ && handling_thread_ != std::this_thread::get_id()) changed_.Wait(mutex_);
}

void SubscriptionFeed::OnMessage(natsConnection*, natsSubscription* from, natsMsg* message, void* closure) {
  const UniqueNatsMsg owner(message);
  if (const auto self = CallbackTarget<SubscriptionFeed>(closure)) self->Handle(from, *message);
}

void SubscriptionFeed::OnComplete(void* closure) {
  const auto self = CallbackTarget<SubscriptionFeed>(closure);
  if (self == nullptr) return;
  MutexLock lock(self->mutex_);
  --self->unfinished_;
  self->changed_.NotifyAll();
}

void SubscriptionFeed::Handle(const natsSubscription* from, natsMsg& message) {
  {
    MutexLock lock(mutex_);
    while (handling_ && !ended_) changed_.Wait(mutex_);
    if (ended_ || IsDiscarded(from)) return;
    handling_ = true;
    handling_thread_ = std::this_thread::get_id();
  }
  handler_(message);
  MutexLock lock(mutex_);
  handling_ = false;
  changed_.NotifyAll();
}

}  // namespace meshwarden
