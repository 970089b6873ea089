#include "endpoint/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/control.h"
#include "proto/control.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

// How often timers look at the roster and the pulls.
constexpr std::chrono::milliseconds kCheckEvery{500};
// After how many heartbeats the broker is asked what the filter is, and how far the durables are settled.
constexpr int kAskEvery = 8;
constexpr std::size_t kChatWindow = 512;
// How soon it is noticed that messages go elsewhere.
constexpr std::chrono::milliseconds kHealingHeartbeat{500};

// A loop, for what is made before it and may outlive it.
class LoopLink {
 public:
  void Set(const std::shared_ptr<PullLoop>& loop) {
    MutexLock lock(mutex_);
    loop_ = loop;
  }
  std::weak_ptr<PullLoop> Get() const {
    MutexLock lock(mutex_);
    return loop_;
  }

 private:
  mutable Mutex mutex_;
  std::weak_ptr<PullLoop> loop_ MW_GUARDED_BY(mutex_);
};

}  // namespace

Session::Session(SessionParts parts)
    : parts_(std::move(parts)), told_roster_(parts_.roster, parts_.on_presence) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Bind(SessionParts parts) {
  std::unique_ptr<Session> session(new Session(std::move(parts)));
  MW_RETURN_IF_ERROR(session->BindAll());
  return session;
}

Session::~Session() { Close(); }

std::shared_ptr<DurableHealer> Session::MakeHealer(const ConsumerInfo& durable,
                                                   std::shared_ptr<InHand> in_hand) {
  DurableHealer::Options options;
  options.stream = durable.stream;
  options.consumer = durable.name;
  options.on_error = parts_.on_error;
  options.wake = [this] {
    MutexLock lock(mutex_);
    heal_soon_ = true;
    changed_.NotifyAll();
  };
  auto healer =
      std::make_shared<DurableHealer>(std::move(options), parts_.connection, parts_.api, std::move(in_hand));
  healer->Begin(durable);
  return healer;
}

absl::Status Session::Pull(Delivery kind, std::shared_ptr<BoundDurable> durable, std::size_t window,
                           std::shared_ptr<DurableHealer> healer) {
  const std::shared_ptr<Backlog> backlog = parts_.backlogs[static_cast<std::size_t>(kind)];
  // The loop is told when one of its messages has been handled; it may be gone by then.
  const auto loop = std::make_shared<LoopLink>();
  PullLoop::Options options;
  options.stream = durable->stream();
  options.consumer = durable->name();
  options.window = window;
  options.on_error = [this, durable](const absl::Status& status) {
    durable->Doubt();
    parts_.on_error(status);
  };
  options.on_message = [this, kind, backlog, loop, durable, healer](NatsMessage message,
                                                                    const AckSubject& delivery) {
    durable->Saw(delivery.consumer_seq);
    parts_.intake.TakeLive(kind, std::move(message), delivery, backlog, loop->Get());
    if (healer != nullptr) healer->Came(delivery);
  };
  if (healer != nullptr) {
    options.heartbeat = kHealingHeartbeat;
    options.on_heartbeat = [healer](std::uint64_t deliveries, std::uint64_t stream_seq) {
      healer->Told(deliveries, stream_seq);
    };
  }
  MW_ASSIGN_OR_RETURN(std::shared_ptr<PullLoop> started,
                      PullLoop::Start(parts_.connection, std::move(options), backlog));
  loop->Set(started);
  {
    MutexLock lock(mutex_);
    if (!cancelled_) {
      durables_.push_back(std::move(durable));
      if (healer != nullptr) healers_.push_back(std::move(healer));
      heal_soon_ = true;
      changed_.NotifyAll();
      pulls_.push_back(std::move(started));
      return absl::OkStatus();
    }
  }
  started->Stop();
  return absl::CancelledError("the session has ended");
}

void Session::RunTimers() {
  TimePoint next_heartbeat = std::chrono::steady_clock::now() + parts_.options.heartbeat;
  const auto step = std::min(kCheckEvery, parts_.options.heartbeat);
  TimePoint next_check = std::chrono::steady_clock::now() + step;
  TimePoint next_ask = std::chrono::steady_clock::now() + kAskEvery * parts_.options.heartbeat;
  while (AwaitDue(std::min({next_heartbeat, next_check, Heal()}))) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= next_heartbeat) {
      next_heartbeat = now + parts_.options.heartbeat;
      Heartbeat();
    }
    if (now >= next_ask) {
      next_ask = now + kAskEvery * parts_.options.heartbeat;
      AskHowDurablesAre();
    }
    if (now >= next_check) {
      next_check = now + step;
      told_roster_.Sweep(now);
      CheckPulls(now);
      CheckDurables();
      CheckFilter();
      TellOfTwins(now);
    }
  }
}

bool Session::AwaitDue(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (!cancelled_ && !heal_soon_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  heal_soon_ = false;
  return !cancelled_;
}

// Returns when there is more to do.
Session::TimePoint Session::Heal() {
  std::vector<std::shared_ptr<DurableHealer>> healers;
  {
    MutexLock lock(mutex_);
    healers = healers_;
  }
  TimePoint due = TimePoint::max();
  for (const auto& healer : healers) {
    healer->Check(std::chrono::steady_clock::now());
    due = std::min(due, healer->next_due());
  }
  return due;
}

void Session::Heartbeat() {
  if (!parts_.options.register_presence) return;
  parts_.own_presence.PublishAsync(parts_.connection, parts_.options.request_timeout,
                                   [on_error = parts_.on_error](const absl::Status& status) {
                                     // Lost with the connection, which is told of by itself.
                                     if (status.ok() || absl::IsUnavailable(status)) return;
                                     if (absl::IsFailedPrecondition(status)) return;
                                     on_error(status);
                                   });
}

// Of what the broker may forget, and of what others may have done to the chat durable. If it can't tell now,
// it is asked again.
void Session::AskHowDurablesAre() {
  const EndpointOptions& options = parts_.options;
  const auto ask = [this](const std::string& stream, const std::string& name, const std::string& created,
                          std::uint64_t deliveries, std::function<void(const ConsumerInfo&)> take) {
    if (created.empty()) return;
    parts_.api.ConsumerInfoAsync(
        stream, name,
        [created, deliveries, take = std::move(take)](const absl::StatusOr<ConsumerInfo>& info) {
          // Another one in its place knows nothing of what this one was to bring.
          if (info.ok() && IsStill(*info, created, deliveries)) take(*info);
        });
  };
  const auto raise = [](SettledFloor& floor, const ConsumerInfo& info) {
    floor.Raise(info.delivered_consumer_seq, info.ack_floor_stream_seq);
  };
  ask(ChatStream(options.space), ChatDurable(options.card.id), parts_.membership.durable_created(),
      parts_.chat_floor.deliveries(),
      [raise, &floor = parts_.chat_floor, told = told_filter_](const ConsumerInfo& info) {
        raise(floor, info);
        MutexLock lock(told->mutex);
        told->info = info;
      });
  if (!parts_.dm_floor.may_rise()) return;
  std::string inbox_created;
  {
    MutexLock lock(mutex_);
    inbox_created = inbox_created_;
  }
  ask(DmStream(options.space), DmDurable(options.card.id), inbox_created, parts_.dm_floor.deliveries(),
      [raise, &floor = parts_.dm_floor](const ConsumerInfo& info) { raise(floor, info); });
}

void Session::CheckPulls(TimePoint now) {
  std::vector<std::shared_ptr<PullLoop>> pulls;
  std::vector<std::shared_ptr<BucketWatch>> watches;
  {
    MutexLock lock(mutex_);
    pulls = pulls_;
    watches = {presence_watch_, channel_watch_};
  }
  for (const auto& pull : pulls) pull->Check(now);
  for (const auto& watch : watches) {
    if (watch != nullptr) watch->Check(now);
  }
}

// A durable that is gone, or was made anew by somebody, is one to be bound again, with all that a bind looks
// after: what is owed, and the filter.
void Session::CheckDurables() {
  if (given_up_) return;
  std::vector<std::shared_ptr<BoundDurable>> durables;
  {
    MutexLock lock(mutex_);
    durables = durables_;
  }
  for (const auto& durable : durables) {
    if (!durable->lost()) {
      durable->Check(parts_.api);
      continue;
    }
    given_up_ = true;
    if (durable->name() == ChatDurable(parts_.options.card.id)) parts_.membership.NoteLost();
    parts_.on_error(absl::NotFoundError(
        fmt::format("the broker no longer has the durable {} of {} that was bound; binding anew",
                    durable->name(), durable->stream())));
    return parts_.connection.ReconnectSoon();
  }
}

void Session::CheckFilter() {
  std::optional<ConsumerInfo> told;
  {
    MutexLock lock(told_filter_->mutex);
    told.swap(told_filter_->info);
  }
  if (told.has_value() && parts_.membership.Compare(*told)) WakeBackfill();
}

// To whoever uses the endpoint, and to the manager, whose log its operator reads. An earlier manager, or a
// peer's, refuses that, which does no harm.
void Session::TellOfTwins(TimePoint now) {
  const std::optional<std::string> twin = parts_.twins.TakeNews(now);
  if (!twin.has_value()) return;
  const EndpointOptions& options = parts_.options;
  parts_.on_error(absl::AlreadyExistsError(
      fmt::format("{}: each gets part of the messages. End one of them, or have each provisioned on its own",
                  DescribeTwin(*twin))));
  if (options.creds == nullptr) return;
  ControlRequest report;
  report.op = kSecondProcessOp;
  report.args = {{"start", parts_.twins.own()}, {"other", *twin}};
  report.from.id = options.card.id;
  report.from.name = options.card.name;
  report.from.role = options.card.role;
  parts_.connection.RequestAsync(ControlSubject(options.space, kSelfService, options.card.id),
                                 EncodeControlRequest(report), options.request_timeout,
                                 [](const absl::StatusOr<NatsMessage>&) {});
}

void Session::RunBackfill() {
  bool chat_open = false;
  std::string told;
  while (!cancelled_) {
    parts_.membership.Realign();
    const absl::Status noted = parts_.membership.NoteOwed();
    absl::Status status = parts_.backfiller.RunAll(cancelled_);
    // That something is to be waited for counts more than that something can't be read.
    if (status.ok() || absl::IsUnavailable(noted)) status = noted;
    // Once, and not at each try.
    const bool passes = status.ok() || absl::IsUnavailable(status);
    if (!passes && !cancelled_ && status.message() != told) parts_.on_error(status);
    told = passes ? "" : std::string(status.message());
    // The live stream begins when the history has been handled, so that a crash before then owes all of it
    // again. A history that can't be read just now does not hold it up for ever.
    const bool joined = !parts_.joined.List().empty();
    if (joined && !chat_open && !absl::IsUnavailable(status) && parts_.dispatcher.AwaitHandled(cancelled_)) {
      chat_open = OpenChat();
    }
    AwaitBackfillWanted(/*settled=*/status.ok() && (chat_open || !joined));
  }
}

// Unless all is `settled`, no longer than until it is time to try again.
void Session::AwaitBackfillWanted(bool settled) {
  const TimePoint retry = std::chrono::steady_clock::now() + parts_.options.retry_wait;
  MutexLock lock(mutex_);
  while (!cancelled_ && !backfill_wanted_) {
    if (settled) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, retry)) {
      break;
    }
  }
  backfill_wanted_ = false;
}

absl::Status Session::PullChat() {
  const std::string stream = ChatStream(parts_.options.space);
  const std::string name = ChatDurable(parts_.options.card.id);
  MW_ASSIGN_OR_RETURN(const ConsumerInfo found, parts_.api.GetConsumer(stream, name));
  // It may have been made anew since it was bound, which the first pull then tells.
  auto durable =
      std::make_shared<BoundDurable>(stream, name, parts_.membership.durable_created(),
                                     std::max(parts_.chat_floor.deliveries(), found.delivered_consumer_seq));
  return Pull(Delivery::kChannel, std::move(durable), kChatWindow, MakeHealer(found, parts_.chat_in_hand));
}

bool Session::OpenChat() {
  const absl::Status status = PullChat();
  if (status.ok()) return true;
  // One that is gone takes this session with it.
  if (!cancelled_ && parts_.connection.connected()) {
    parts_.on_error(Annotate(status, "nothing arrives live from channels yet; trying again"));
  }
  return false;
}

void Session::WakeBackfill() {
  MutexLock lock(mutex_);
  backfill_wanted_ = true;
  changed_.NotifyAll();
}

void Session::Cancel() {
  std::vector<std::shared_ptr<PullLoop>> pulls;
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    pulls = pulls_;
    changed_.NotifyAll();
  }
  parts_.dispatcher.WakeWaiters();
  for (const auto& pull : pulls) pull->EndPulling();
}

void Session::Close() {
  Cancel();
  std::vector<std::shared_ptr<PullLoop>> pulls;
  {
    MutexLock lock(mutex_);
    pulls.swap(pulls_);
  }
  for (const auto& pull : pulls) pull->Stop();
  if (binder_.joinable()) binder_.join();
  if (timers_.joinable()) timers_.join();
  if (backfill_.joinable()) backfill_.join();
  std::shared_ptr<BucketWatch> presence_watch;
  std::shared_ptr<BucketWatch> channel_watch;
  {
    MutexLock lock(mutex_);
    presence_watch.swap(presence_watch_);
    channel_watch.swap(channel_watch_);
  }
}

}  // namespace meshwarden
