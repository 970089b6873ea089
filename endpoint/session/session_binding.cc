// How a Session comes to be: its steps, one after the other, or as far as a cluster allows while it elects.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/session/session.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// A bind that is done again is waited for so long, and so long for the first answer to each of its requests.
// What a cluster elects takes it 4 to 9 seconds.
constexpr std::chrono::milliseconds kBindSoon{1500};
constexpr std::chrono::milliseconds kFirstTry{1000};
constexpr std::chrono::milliseconds kBetweenTries{200};
// Longer than a cluster takes to elect; what fails then is told.
constexpr std::chrono::seconds kElection{10};
constexpr std::size_t kDmWindow = 64;
// One by one, so that a busy instance doesn't hold what an idle one of the role could do.
constexpr std::size_t kTaskWindow = 1;

}  // namespace

Session::Steps Session::StepsOf() const {
  const EndpointOptions& options = parts_.options;
  Steps steps;
  // In auth mode a trusted party has made them, and a credential need not allow to look; what is missing
  // shows when it is used.
  if (options.creds == nullptr) steps.push_back(Step::kStreams);
  if (options.watch_presence) steps.push_back(Step::kPresenceWatch);
  steps.push_back(Step::kChannelWatch);
  if (options.register_presence) steps.push_back(Step::kPresence);
  if (!options.receive) return steps;
  steps.push_back(Step::kInbox);
  if (options.card.role.has_value()) steps.push_back(Step::kTasks);
  steps.push_back(Step::kChat);
  return steps;
}

absl::Status Session::Do(Step step, std::chrono::milliseconds timeout) {
  switch (step) {
    case Step::kStreams:
      return OpenStreams();
    case Step::kPresenceWatch:
      return WatchPresence(timeout);
    case Step::kChannelWatch:
      return WatchChannels(timeout);
    case Step::kPresence:
      return parts_.own_presence.Publish(parts_.connection, timeout);
    case Step::kInbox:
      return BindInbox(timeout);
    case Step::kTasks:
      return BindTasks(timeout);
    case Step::kChat:
      return BindChat();
  }
  return absl::OkStatus();
}

absl::Status Session::BindAll() {
  if (parts_.again && parts_.connection.in_cluster()) return BindSoon();
  for (const Step step : StepsOf()) MW_RETURN_IF_ERROR(Do(step, parts_.options.request_timeout));
  timers_ = std::thread([this] { RunTimers(); });
  return absl::OkStatus();
}

// The usual bind has ended before anybody waits for it in vain, and one that can't be says so.
absl::Status Session::BindSoon() {
  const TimePoint deadline = std::chrono::steady_clock::now() + kBindSoon;
  {
    MutexLock lock(mutex_);
    bind_waited_for_ = true;
  }
  binder_ = std::thread([this] { FinishBinding(BindLate(StepsOf())); });
  {
    MutexLock lock(mutex_);
    while (!bind_outcome_.has_value() && changed_.WaitUntil(mutex_, deadline)) {
    }
    bind_waited_for_ = false;
    // Taken apart: Debian's absl counts a Status' references unseen by the thread sanitizer.
    if (bind_outcome_.has_value() && !bind_outcome_->ok()) return *std::exchange(bind_outcome_, std::nullopt);
  }
  timers_ = std::thread([this] { RunTimers(); });
  return absl::OkStatus();
}

// One after the other; what can't be done now is done when the others have had their turn.
absl::Status Session::BindLate(Steps steps) {
  const TimePoint begin = std::chrono::steady_clock::now();
  std::chrono::milliseconds timeout = std::min(kFirstTry, parts_.options.request_timeout);
  std::string told;
  while (true) {
    Steps later;
    absl::Status failed;
    for (const Step step : steps) {
      absl::Status status = Do(step, timeout);
      if (status.ok()) continue;
      const bool is_late = std::chrono::steady_clock::now() - begin > kElection;
      // Nobody answers for a while when a cluster elects; for good where what is asked for is not there.
      const bool passes = absl::IsDeadlineExceeded(status) ||
                          (absl::IsUnavailable(status) && !(is_late && IsNoResponders(status)));
      if (!passes || cancelled_ || !parts_.connection.connected()) return status;
      if (is_late && failed.ok()) failed = std::move(status);
      later.push_back(step);
    }
    if (later.empty()) return absl::OkStatus();
    TellLate(failed, told);
    steps = std::move(later);
    if (!Pause(kBetweenTries)) return absl::CancelledError("the session has ended");
    timeout = std::min(2 * timeout, parts_.options.request_timeout);
  }
}

// The connection is up, and calls are taken: only this tells that something does not come.
void Session::TellLate(const absl::Status& status, std::string& told) const {
  if (status.ok() || MessageOf(status) == told) return;
  told = MessageOf(status);
  parts_.on_error(Annotate(status, "connected, but not everything could be bound yet; trying on"));
}

bool Session::Pause(std::chrono::milliseconds time) {
  const TimePoint deadline = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (!cancelled_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return !cancelled_;
}

void Session::FinishBinding(const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    bind_outcome_ = absl::Status(status.code(), status.message());
    changed_.NotifyAll();
    if (bind_waited_for_ || cancelled_) return;
  }
  // Nobody hears of it any more: the next connection tells whether that is so. One that was lost is replaced
  // anyway.
  if (status.ok() || !parts_.connection.connected()) return;
  parts_.on_error(status);
  parts_.connection.ReconnectSoon();
}

absl::Status Session::OpenStreams() {
  const std::string agents = BucketStream(AgentBucket(parts_.options.space));
  for (const StreamConfig& wanted : SpaceStreams(parts_.options.space, /*replicas=*/1)) {
    if (wanted.name == agents) continue;  // the provisioner's own
    absl::StatusOr<StreamInfo> found = parts_.api.GetStream(wanted.name);
    if (HasJsError(found.status(), JsError::kStreamNotFound)) found = parts_.api.CreateStream(wanted);
    MW_RETURN_IF_ERROR(Annotate(found.status(), "stream " + wanted.name));
  }
  return absl::OkStatus();
}

absl::Status Session::WatchPresence(std::chrono::milliseconds timeout) {
  BucketWatch::Options options;
  options.bucket = PresenceBucket(parts_.options.space);
  options.on_error = parts_.on_error;
  options.on_entry = [this](const BucketEntry& entry) {
    if (entry.deleted) return told_roster_.Remove(entry.key);
    absl::StatusOr<Presence> presence = DecodePresence(entry.payload);
    if (!presence.ok()) {
      return parts_.on_error(Annotate(presence.status(), fmt::format("presence record {}", entry.key)));
    }
    if (entry.key == parts_.options.card.id) {
      parts_.twins.Heard(*presence, entry.seq, std::chrono::steady_clock::now());
    }
    told_roster_.Apply(entry.key, *std::move(presence), std::chrono::steady_clock::now());
  };
  parts_.twins.Begin();
  MW_ASSIGN_OR_RETURN(std::shared_ptr<BucketWatch> watch, StartWatch(std::move(options), timeout));
  MutexLock lock(mutex_);
  presence_watch_ = std::move(watch);
  return absl::OkStatus();
}

absl::Status Session::WatchChannels(std::chrono::milliseconds timeout) {
  BucketWatch::Options options;
  options.bucket = ChannelBucket(parts_.options.space);
  options.on_error = parts_.on_error;
  options.on_entry = [this](const BucketEntry& entry) {
    if (absl::Status status = parts_.channels.Apply(entry); !status.ok()) parts_.on_error(status);
  };
  MW_ASSIGN_OR_RETURN(std::shared_ptr<BucketWatch> watch, StartWatch(std::move(options), timeout));
  MutexLock lock(mutex_);
  channel_watch_ = std::move(watch);
  return absl::OkStatus();
}

// The first that a credential of another space is denied.
absl::StatusOr<std::unique_ptr<BucketWatch>> Session::StartWatch(BucketWatch::Options options,
                                                                 std::chrono::milliseconds timeout) {
  const std::string bucket = options.bucket;
  options.first_timeout = timeout;
  auto started = BucketWatch::Start(parts_.connection, parts_.api, std::move(options));
  if (!absl::IsPermissionDenied(started.status())) return started;
  return Annotate(started.status(),
                  fmt::format("bucket {}: was this credential minted for another space than \"{}\"?", bucket,
                              parts_.options.space));
}

absl::Status Session::BindInbox(std::chrono::milliseconds timeout) {
  const EndpointOptions& options = parts_.options;
  const std::string& id = options.card.id;
  const std::string dm = DmStream(options.space);
  const ConsumerConfig inbox =
      AsOpenMode(DmDurableConfig(options.space, id), options.ack_wait, options.inactive_threshold);
  MW_ASSIGN_OR_RETURN(const ConsumerInfo found, FindOrMake(dm, inbox, "provisionDmInbox", timeout));
  {
    MutexLock lock(mutex_);
    inbox_created_ = found.created;
  }
  parts_.dm_floor.Raise(found.delivered_consumer_seq, found.ack_floor_stream_seq);
  return Pull(Delivery::kDm,
              std::make_shared<BoundDurable>(dm, found.name, found.created, found.delivered_consumer_seq),
              kDmWindow, MakeHealer(found, parts_.dm_in_hand));
}

absl::Status Session::BindTasks(std::chrono::milliseconds timeout) {
  const EndpointOptions& options = parts_.options;
  const std::string task = TaskStream(options.space);
  // Shared by the role's instances, so it outlives each of them.
  MW_ASSIGN_OR_RETURN(
      const ConsumerInfo queue,
      FindOrMake(task, TaskDurableConfig(options.space, *options.card.role), "provisionTaskQueue", timeout));
  return Pull(Delivery::kAnycast,
              std::make_shared<BoundDurable>(task, queue.name, queue.created, queue.delivered_consumer_seq),
              kTaskWindow, nullptr);
}

absl::Status Session::BindChat() {
  MW_RETURN_IF_ERROR(parts_.membership.Bind());
  backfill_ = std::thread([this] { RunBackfill(); });
  return absl::OkStatus();
}

// In auth mode it must be there; in open mode it is made like `config`.
absl::StatusOr<ConsumerInfo> Session::FindOrMake(std::string_view stream, const ConsumerConfig& config,
                                                 std::string_view provision_call,
                                                 std::chrono::milliseconds timeout) {
  const std::string& name = config.durable_name;
  absl::StatusOr<ConsumerInfo> found = JetStreamApi(parts_.connection, timeout).GetConsumer(stream, name);
  if (absl::IsNotFound(found.status()) && parts_.options.creds == nullptr) {
    found = parts_.api.CreateConsumer(stream, config);
  }
  if (found.ok()) return found;
  if (absl::IsPermissionDenied(found.status())) {
    return Annotate(
        found.status(),
        fmt::format("durable {} is not this credential's to bind: it was minted for another id or "
                    "role; have the agent provisioned as it is to start",
                    name));
  }
  if (!absl::IsNotFound(found.status())) return Annotate(found.status(), "durable " + name);
  return absl::FailedPreconditionError(fmt::format(
      "durable {} not pre-created — a launcher must call {} (auth mode binds the durable, it never "
      "self-creates)",
      name, provision_call));
}

}  // namespace meshwarden
