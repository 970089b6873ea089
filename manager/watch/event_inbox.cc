#include "manager/watch/event_inbox.h"

#include <optional>
#include <utility>

#include "base/status.h"

namespace meshwarden {

absl::Status EventInbox::Listen(Connection& connection, const std::vector<std::string>& streams) {
  const Connection::Handler advisory = [this](const NatsMessage& message) {
    if (std::optional<BrokerEvent> event = ParseAdvisory(message.subject, message.payload)) {
      Put(*std::move(event));
    }
  };
  MW_RETURN_IF_ERROR(Subscribe(connection, std::string(kApiUses), advisory));
  for (const std::string& stream : streams) {
    MW_RETURN_IF_ERROR(Subscribe(connection, GoneConsumers(stream), advisory));
    MW_RETURN_IF_ERROR(Subscribe(connection, PlaceMoves(stream), [this, stream](const NatsMessage& message) {
      Put(ParsePlaceMove({.stream = stream,
                          .subject = message.subject,
                          .reply = message.reply,
                          .payload = message.payload}));
    }));
  }
  return absl::OkStatus();
}

absl::Status EventInbox::Subscribe(Connection& connection, const std::string& subject,
                                   Connection::Handler handler) {
  MW_ASSIGN_OR_RETURN(std::unique_ptr<Subscription> subscription,
                      connection.Subscribe(subject, "", std::move(handler)));
  subscriptions_.push_back(std::move(subscription));
  return absl::OkStatus();
}

void EventInbox::Close() {
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }
  subscriptions_.clear();
}

bool EventInbox::closed() {
  const MutexLock lock(mutex_);
  return closed_;
}

bool EventInbox::Await(Time due) {
  const MutexLock lock(mutex_);
  while (!closed_ && waiting_.events.empty() && waiting_.dropped == 0 && waiting_.wakes == 0) {
    if (!changed_.WaitUntil(mutex_, due)) break;
  }
  return !closed_;
}

void EventInbox::Wake() {
  const MutexLock lock(mutex_);
  ++waiting_.wakes;
  changed_.NotifyAll();
}

EventInbox::Taken EventInbox::Take() {
  const MutexLock lock(mutex_);
  return std::exchange(waiting_, {});
}

void EventInbox::Put(BrokerEvent event) {
  const MutexLock lock(mutex_);
  if (waiting_.events.size() < max_events_) {
    waiting_.events.push_back(std::move(event));
  } else {
    ++waiting_.dropped;
  }
  changed_.NotifyAll();
}

}  // namespace meshwarden
