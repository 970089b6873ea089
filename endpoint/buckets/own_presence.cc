#include "endpoint/buckets/own_presence.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/status.h"
#include "endpoint/buckets/twin_watch.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/nats/blocking.h"
#include "proto/names.h"

namespace meshwarden {

namespace {

Card WithVersion(Card card) {
  if (!card.protocol_version.has_value()) card.protocol_version = kProtocolVersion;
  return card;
}

}  // namespace

OwnPresence::OwnPresence(const std::string& space, Card card, std::string start)
    : subject_(BucketSubject(PresenceBucket(space), card.id)),
      card_(WithVersion(std::move(card))),
      start_(std::move(start)) {}

void OwnPresence::SetStatus(PresenceStatus status) {
  MutexLock lock(mutex_);
  if (!ended_) status_ = status;
}

void OwnPresence::SetActivity(std::optional<std::string> activity) {
  MutexLock lock(mutex_);
  if (!ended_) activity_ = std::move(activity);
}

absl::Status OwnPresence::CheckActivity(const std::optional<std::string>& activity) {
  Presence presence;
  {
    MutexLock lock(mutex_);
    presence = Now();
  }
  presence.activity = activity;
  const std::string record = EncodePresence(presence);
  if (record.size() > kMaxPresenceBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the presence record would take {} bytes with that activity; readers take {} at most",
                    record.size(), kMaxPresenceBytes));
  }
  return absl::OkStatus();
}

std::optional<std::string> OwnPresence::activity() {
  MutexLock lock(mutex_);
  return activity_;
}

void OwnPresence::ReplaceActivity(const std::optional<std::string>& from, std::optional<std::string> to) {
  MutexLock lock(mutex_);
  if (!ended_ && activity_ == from) activity_ = std::move(to);
}

Presence OwnPresence::Now() {
  Presence presence;
  presence.card = card_;
  presence.status = status_;
  presence.activity = activity_;
  if (!start_.empty()) presence.unknown[kStartField] = start_;
  presence.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return presence;
}

void OwnPresence::End() {
  MutexLock lock(mutex_);
  status_ = PresenceStatus::kOffline;
  ended_ = true;
}

void OwnPresence::PublishAsync(Connection& connection, std::chrono::milliseconds timeout,
                               std::function<void(absl::Status)> done) {
  MutexLock lock(mutex_);
  connection.RequestAsync(subject_, EncodePresence(Now()), timeout,
                          [done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
                            done(Annotate(DecodePublishAck(std::move(answer)).status(), "own presence"));
                          });
}

absl::Status OwnPresence::Publish(Connection& connection, std::chrono::milliseconds timeout) {
  struct Done {};
  return Await<Done>([&](auto done) {
           PublishAsync(connection, timeout, [done](absl::Status status) {
             done(status.ok() ? absl::StatusOr<Done>(Done{}) : absl::StatusOr<Done>(std::move(status)));
           });
         })
      .status();
}

}  // namespace meshwarden
