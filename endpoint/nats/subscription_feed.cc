#include "endpoint/nats/subscription_feed.h"

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

void SubscriptionFeed::OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  const UniqueNatsMsg owner(message);
  if (const auto self = CallbackTarget<SubscriptionFeed>(closure)) self->Handle(*message);
}

void SubscriptionFeed::OnComplete(void* closure) {
  const auto self = CallbackTarget<SubscriptionFeed>(closure);
  if (self == nullptr) return;
  MutexLock lock(self->mutex_);
  --self->unfinished_;
  self->changed_.NotifyAll();
}

void SubscriptionFeed::Handle(natsMsg& message) {
  {
    MutexLock lock(mutex_);
    while (handling_ && !ended_) changed_.Wait(mutex_);
    if (ended_) return;
    handling_ = true;
    handling_thread_ = std::this_thread::get_id();
  }
  handler_(message);
  MutexLock lock(mutex_);
  handling_ = false;
  changed_.NotifyAll();
}

}  // namespace meshwarden
