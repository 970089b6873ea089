// The life of an endpoint: starting, coming back, stopping, and what its handlers are told.
#include "endpoint/endpoint_core.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// Of events that wait for a handler that does not keep up.
constexpr std::size_t kMaxErrorsWaiting = 256;
constexpr std::size_t kMaxPresenceWaiting = 4096;
// What a stop may take for the goodbye, for a handler in progress, and for what is still to be sent.
constexpr std::chrono::milliseconds kStopStep{2000};

// Reads what its chat durable reads, whatever that is.
bool FollowsDurable(const EndpointOptions& options) { return !options.channels.has_value(); }

}  // namespace

std::shared_ptr<EndpointCore> EndpointCore::Make(EndpointOptions options, EndpointHandlers handlers) {
  std::shared_ptr<EndpointCore> core(new EndpointCore(std::move(options), std::move(handlers)));
  Intake::Options intake;
  intake.space = core->options_.space;
  intake.own_id = core->options_.card.id;
  intake.own_role = core->options_.card.role.value_or("");
  intake.on_message = core->handlers_.on_message;
  intake.on_error = [raw = core.get()](const absl::Status& status) { raw->TellError(status); };
  core->intake_ = std::make_shared<Intake>(
      std::move(intake), core->joined_, Intake::Floors{.chat = core->chat_floor_, .dm = core->dm_floor_},
      Intake::Hands{.chat = core->chat_in_hand_, .dm = core->dm_in_hand_}, core->events_, core);
  return core;
}

EndpointCore::EndpointCore(EndpointOptions options, EndpointHandlers handlers)
    : options_(std::move(options)),
      handlers_(std::move(handlers)),
      joined_(options_.channels.value_or(std::vector<std::string>{}),
              FollowsDurable(options_) ? JoinedChannels::Strangers::kTake : JoinedChannels::Strangers::kDrop),
      roster_(options_.liveness),
      twins_(NewStartStamp(), options_.heartbeat),
      own_presence_(options_.space, options_.card, twins_.own()),
      backlogs_{std::make_shared<Backlog>(), std::make_shared<Backlog>(), std::make_shared<Backlog>()} {}

EndpointCore::~EndpointCore() = default;

EndpointCore::Wire::Wire(EndpointCore& core, Connection& used)
    : connection(used),
      api(used, core.options_.request_timeout),
      history(used, api, ChatStream(core.options_.space), ChatHistoryConsumer(core.options_.card.id),
              core.options_.request_timeout),
      backfiller({.space = core.options_.space,
                  .on_error = [&core](const absl::Status& status) { core.TellError(status); }},
                 history, *core.intake_, core.joined_, core.events_),
      membership({.filter = {.space = core.options_.space,
                             .self = core.Self(),
                             .auth = core.options_.creds != nullptr,
                             .ack_wait = core.options_.ack_wait,
                             .inactive_threshold = core.options_.inactive_threshold,
                             .request_timeout = core.options_.request_timeout,
                             .request_lifetime = core.options_.request_lifetime},
                  .follow = FollowsDurable(core.options_),
                  .move_timeout = core.options_.publish_timeout,
                  .on_error = [&core](const absl::Status& status) { core.TellError(status); },
                  .await_live = [&core](TimePoint deadline) { return core.AwaitLive(deadline); }},
                 used, api, core.joined_, core.chat_floor_) {}

Sender EndpointCore::Self() const {
  Sender self;
  self.id = options_.card.id;
  self.name = options_.card.name;
  self.role = options_.card.role;
  return self;
}

ConnectionOptions EndpointCore::MakeConnectionOptions() {
  ConnectionOptions connection;
  connection.servers = options_.servers;
  connection.name = "cotal:" + options_.card.name;
  if (options_.creds_file == nullptr) connection.creds = options_.creds;
  connection.creds_file = options_.creds_file;
  connection.token = options_.token;
  connection.user = options_.user;
  connection.password = options_.password;
  connection.id = options_.card.id;
  connection.tls = options_.tls;
  connection.connect_timeout = options_.connect_timeout;
  connection.cancel = connecting_;
  connection.reconnect_wait = options_.retry_wait;
  connection.ping_interval = options_.ping_interval;
  connection.on_bind = [this](Connection& used) { return OnBind(used); };
  connection.on_unbind = [this] { OnUnbind(); };
  connection.on_state = [this](bool connected) { OnState(connected); };
  connection.on_error = [this](const absl::Status& status) { TellError(status); };
  return connection;
}

SessionParts EndpointCore::MakeSessionParts() {
  return {.options = options_,
          .connection = wire_->connection,
          .api = wire_->api,
          .dispatcher = events_,
          .intake = *intake_,
          .membership = wire_->membership,
          .backfiller = wire_->backfiller,
          .own_presence = own_presence_,
          .twins = twins_,
          .roster = roster_,
          .channels = channels_,
          .joined = joined_,
          .chat_floor = chat_floor_,
          .dm_floor = dm_floor_,
          .chat_in_hand = chat_in_hand_,
          .dm_in_hand = dm_in_hand_,
          .backlogs = backlogs_,
          .again = BoundBefore(),
          .on_presence = [this](const PresenceEvent& event) { TellPresence(event); },
          .on_error = [this](const absl::Status& status) { TellError(status); }};
}

absl::Status EndpointCore::Start() {
  {
    MutexLock lock(mutex_);
    if (state_ == State::kStopped) return absl::FailedPreconditionError("endpoint stopped — cannot start");
    if (state_ != State::kNew) return absl::FailedPreconditionError("endpoint started already");
    state_ = State::kStarting;
    start_ended_ = false;
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(MakeConnectionOptions());
  absl::Status opened = connection.status();
  if (opened.ok()) connection_ = *std::move(connection);
  MutexLock lock(mutex_);
  start_ended_ = true;
  if (!opened.ok() && state_ != State::kStopped) state_ = State::kNew;
  changed_.NotifyAll();
  return opened;
}

absl::Status EndpointCore::Reconnect() {
  {
    MutexLock lock(mutex_);
    if (state_ == State::kStopped)
      return absl::FailedPreconditionError("endpoint stopped — cannot reconnect");
    if (state_ == State::kNew || state_ == State::kStarting) return LiveError(state_);
  }
  return wire_->connection.Reconnect();
}

absl::Status EndpointCore::OnBind(Connection& connection) {
  {
    MutexLock lock(mutex_);
    if (wire_ == nullptr) wire_ = std::make_unique<Wire>(*this, connection);
  }
  MW_RETURN_IF_ERROR(SubscribeAll(connection));
  MW_ASSIGN_OR_RETURN(std::shared_ptr<Session> session, Session::Bind(MakeSessionParts()));
  if (!SetBound(session)) {
    // It may have said hello after the goodbye of Stop.
    SayGoodbye(connection);
    return absl::CancelledError("endpoint stopped");
  }
  // What was asked for meanwhile; if the connection has just been lost, the next one will.
  (void)SubscribeAll(connection);
  events_.Open();
  services_.Open();
  return absl::OkStatus();
}

bool EndpointCore::BoundBefore() {
  MutexLock lock(mutex_);
  return ever_bound_;
}

bool EndpointCore::SetBound(const std::shared_ptr<Session>& session) {
  MutexLock lock(mutex_);
  if (state_ == State::kStopped) return false;
  session_ = session;
  state_ = State::kBound;
  ever_bound_ = true;
  changed_.NotifyAll();
  return true;
}

void EndpointCore::OnUnbind() {
  std::shared_ptr<Session> session;
  bool first = false;
  {
    MutexLock lock(mutex_);
    session = std::move(session_);
    if (state_ == State::kBound) state_ = State::kAway;
    first = !ever_bound_;
  }
  if (session != nullptr) session->Close();
  if (first) LetGoOfWire();
  roster_.Clear();
  channels_.Clear();
}

// The first connection could not be bound, and will not be used again. No handler has run on it.
void EndpointCore::LetGoOfWire() {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  {
    MutexLock lock(registrations_mutex_);
    for (Registration& registration : registrations_) {
      subscriptions.push_back(std::move(registration.subscription));
    }
  }
  subscriptions.clear();
  events_.Discard();
  services_.Discard();
  MutexLock lock(mutex_);
  wire_.reset();
}

void EndpointCore::OnState(bool connected) {
  {
    MutexLock lock(mutex_);
    if (!connected && state_ == State::kBound) state_ = State::kAway;
    if (told_connected_ == connected || state_ == State::kStopped) return;
    told_connected_ = connected;
  }
  TellConnection(connected);
}

bool EndpointCore::connected() const {
  MutexLock lock(mutex_);
  return state_ == State::kBound;
}

absl::Status EndpointCore::LiveError(State state) const {
  switch (state) {
    case State::kBound:
      return absl::OkStatus();
    case State::kAway:
      return absl::UnavailableError("reconnecting — try again shortly");
    case State::kStopped:
      return absl::FailedPreconditionError("endpoint stopped");
    case State::kNew:
    case State::kStarting:
      break;
  }
  return absl::FailedPreconditionError("endpoint not started");
}

absl::Status EndpointCore::AwaitLive(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (state_ == State::kAway) {
    if (deadline <= std::chrono::steady_clock::now() || !changed_.WaitUntil(mutex_, deadline)) break;
  }
  return LiveError(state_);
}

void EndpointCore::Stop() {
  std::shared_ptr<Session> session;
  Connection* connection = nullptr;
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = state_ != State::kStopped;
    // While starting, OnBind says the goodbye.
    if (state_ == State::kBound || state_ == State::kAway) connection = &wire_->connection;
    state_ = State::kStopped;
    cancelled_ = true;
    session = session_;
    changed_.NotifyAll();
  }
  if (!first) {
    // A handler that stops is itself waited for by whoever was first.
    if (!events_.IsCurrent() && !services_.IsCurrent()) AwaitStopEnd();
    return;
  }
  connecting_->Cancel();
  // Nothing more is pulled, or the broker would send what is given back to this endpoint again. What waits is
  // given back before the goodbye, and nothing more is handed over.
  if (session != nullptr) session->Cancel();
  events_.Drop();
  services_.Drop();
  if (connection != nullptr) SayGoodbye(*connection);
  session.reset();
  const TimePoint grace = std::chrono::steady_clock::now() + kStopStep;
  events_.AwaitIdle(grace);
  services_.AwaitIdle(grace);
  CloseConnection();
  events_.Stop();
  services_.Stop();
  MutexLock lock(mutex_);
  stop_ended_ = true;
  changed_.NotifyAll();
}

// A broker that does not answer, or can't be reached, finds out by itself. An endpoint is never started
// again, so what a call that was under way still sets is not to be heard any more.
void EndpointCore::SayGoodbye(Connection& connection) {
  own_presence_.End();
  if (options_.register_presence) (void)own_presence_.Publish(connection, kStopStep);
}

void EndpointCore::CloseConnection() {
  {
    MutexLock lock(mutex_);
    while (!start_ended_) changed_.Wait(mutex_);
  }
  if (connection_ != nullptr) (void)connection_->Drain(kStopStep);
  std::vector<Registration> registrations;
  {
    MutexLock lock(registrations_mutex_);
    registrations.swap(registrations_);
  }
}

void EndpointCore::AwaitStopEnd() {
  MutexLock lock(mutex_);
  while (!stop_ended_) changed_.Wait(mutex_);
}

void EndpointCore::AwaitStopped() {
  AwaitStopEnd();
  // The handler that stopped may still be running.
  events_.Stop();
  services_.Stop();
}

absl::Status EndpointCore::Register(Registration registration) {
  // Taken first, so that OnBind either finds it or has been here before.
  MutexLock registrations_lock(registrations_mutex_);
  Connection* connection = nullptr;
  {
    MutexLock lock(mutex_);
    if (state_ == State::kStopped) return LiveError(state_);
    if (state_ == State::kBound || state_ == State::kAway) connection = &wire_->connection;
  }
  if (connection != nullptr) {
    MW_ASSIGN_OR_RETURN(registration.subscription, registration.subscribe(*connection));
  }
  registrations_.push_back(std::move(registration));
  return absl::OkStatus();
}

// Those that have not been asked for on this connection; it keeps them by itself from then on.
absl::Status EndpointCore::SubscribeAll(Connection& connection) {
  MutexLock lock(registrations_mutex_);
  for (Registration& registration : registrations_) {
    if (registration.subscription != nullptr) continue;
    MW_ASSIGN_OR_RETURN(registration.subscription, registration.subscribe(connection));
  }
  return absl::OkStatus();
}

void EndpointCore::TellConnection(bool connected) {
  if (handlers_.on_connection == nullptr) return;
  events_.Post([this, connected] { handlers_.on_connection(connected); });
}

void EndpointCore::TellPresence(const PresenceEvent& event) {
  if (handlers_.on_presence != nullptr && presence_waiting_ < kMaxPresenceWaiting) {
    ++presence_waiting_;
    events_.Post(
        [this, event] {
          --presence_waiting_;
          handlers_.on_presence(event);
        },
        [this] { --presence_waiting_; });
  }
  // One roster that waits will tell of all changes until it is told.
  if (handlers_.on_roster == nullptr || roster_waiting_.exchange(true)) return;
  events_.Post(
      [this] {
        roster_waiting_ = false;
        handlers_.on_roster(roster_.List());
      },
      [this] { roster_waiting_ = false; });
}

void EndpointCore::TellError(const absl::Status& status) {
  if (handlers_.on_error == nullptr || errors_waiting_ >= kMaxErrorsWaiting) return;
  ++errors_waiting_;
  // Taken apart: Debian's absl counts a Status' references unseen by the thread sanitizer.
  events_.Post(
      [this, code = status.code(), message = MessageOf(status)] {
        --errors_waiting_;
        handlers_.on_error(absl::Status(code, message));
      },
      [this] { --errors_waiting_; });
}

}  // namespace meshwarden
