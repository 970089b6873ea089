#include "endpoint/nats/link/connection_events.h"

#include <utility>

#include "base/status.h"
#include "endpoint/nats/link/callback_registry.h"

namespace meshwarden {
namespace {

// Reports beyond this many are dropped: they repeat what the first ones said.
constexpr std::size_t kMaxReports = 256;

}  // namespace

void ConnectionEvents::OnError(natsConnection*, natsSubscription* subscription, natsStatus status,
                               void* closure) {
  const auto events = CallbackTarget<ConnectionEvents>(closure);
  if (events == nullptr) return;
  // The library puts the server's words into this thread's last error for the time of the call.
  natsStatus last = NATS_OK;
  const char* text = nats_GetLastError(&last);
  const char* subject = subscription == nullptr ? nullptr : natsSubscription_GetSubject(subscription);
  events->Add({.status = status,
               .text = last == status && text != nullptr ? text : natsStatus_GetText(status),
               .subject = subject == nullptr ? "" : subject});
}

void ConnectionEvents::Add(Report report) {
  MutexLock lock(mutex_);
  if (stopping_ || reports_.size() >= kMaxReports) return;
  reports_.push_back(std::move(report));
  if (wake_ != nullptr) wake_();
}

void ConnectionEvents::SetWake(std::function<void()> wake) {
  MutexLock lock(mutex_);
  wake_ = std::move(wake);
}

std::vector<ConnectionEvents::Report> ConnectionEvents::TakeReports() {
  MutexLock lock(mutex_);
  return std::exchange(reports_, {});
}

void ConnectionEvents::PostLost() {
  MutexLock lock(mutex_);
  lost_ = true;
  changed_.NotifyAll();
}

void ConnectionEvents::ClearLost() {
  MutexLock lock(mutex_);
  lost_ = false;
}

void ConnectionEvents::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  wake_ = nullptr;
  changed_.NotifyAll();
}

bool ConnectionEvents::AwaitWork() {
  MutexLock lock(mutex_);
  while (!lost_ && !requested_ && !stopping_) changed_.Wait(mutex_);
  return !stopping_;
}

bool ConnectionEvents::AwaitAttempt(TimePoint time) {
  MutexLock lock(mutex_);
  while (!requested_ && !stopping_) {
    if (!changed_.WaitUntil(mutex_, time)) break;
  }
  return !stopping_;
}

void ConnectionEvents::BeginAttempt() {
  MutexLock lock(mutex_);
  requested_ = false;
  attempting_ = true;
}

void ConnectionEvents::EndAttempt(const absl::Status& status) {
  MutexLock lock(mutex_);
  attempting_ = false;
  ++attempts_ended_;
  code_ = status.code();
  message_ = MessageOf(status);
  changed_.NotifyAll();
}

void ConnectionEvents::PostRequest() {
  MutexLock lock(mutex_);
  requested_ = true;
  changed_.NotifyAll();
}

absl::Status ConnectionEvents::RequestAttempt() {
  MutexLock lock(mutex_);
  const std::uint64_t mine = attempts_ended_ + 1;
  if (!attempting_) requested_ = true;
  changed_.NotifyAll();
  while (attempts_ended_ < mine && !stopping_) changed_.Wait(mutex_);
  if (stopping_) return absl::FailedPreconditionError("the connection is closed");
  return absl::Status(code_, message_);
}

}  // namespace meshwarden
