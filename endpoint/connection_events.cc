#include "endpoint/connection_events.h"

#include <utility>

#include "endpoint/callback_registry.h"

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
  if (reports_.size() >= kMaxReports) return;
  reports_.push_back(std::move(report));
  changed_.NotifyAll();
}

void ConnectionEvents::PostLost() {
  MutexLock lock(mutex_);
  lost_ = true;
  changed_.NotifyAll();
}

void ConnectionEvents::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

ConnectionEvents::Batch ConnectionEvents::Await() {
  MutexLock lock(mutex_);
  while (reports_.empty() && !lost_ && !stopping_) changed_.Wait(mutex_);
  return {.reports = std::exchange(reports_, {}), .lost = std::exchange(lost_, false), .stopping = stopping_};
}

bool ConnectionEvents::AwaitStop(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (!changed_.WaitUntil(mutex_, deadline)) return stopping_;
  }
  return true;
}

}  // namespace meshwarden
