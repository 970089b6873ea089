#include "manager/daemon/daemon.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "endpoint/space/api_guard.h"
#include "endpoint/space/control.h"
#include "manager/audit/filter_audit.h"
#include "manager/daemon/record_reader.h"
#include "manager/daemon/space_check.h"
#include "manager/process/default_server.h"
#include "proto/names.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/space/server_version.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{5'000};
constexpr std::chrono::milliseconds kFlushTimeout{2'000};
constexpr std::chrono::milliseconds kDrainTimeout{1'000};
// Connections that move filters, whatever the number of agents.
constexpr int kMovers = 4;
// A move may take two of these: the update, and reading back after it went unanswered.
constexpr std::chrono::milliseconds kApiTimeout{1'500};
// When filters are compared with the policy again after the start: what the broker was asked before, and did
// not answer, it may carry out as long as a server of it stands still.
constexpr std::array<std::chrono::milliseconds, 4> kCutAgainAfter = {
    std::chrono::seconds(10), std::chrono::seconds(60), std::chrono::minutes(5), std::chrono::minutes(15)};
// Clients wait five seconds for an answer.
constexpr std::chrono::milliseconds kAnswerWithin{4'400};

constexpr char kUnmovedRecords[] =
    "records of an earlier version have not been moved; run meshwarden space setup with the newest "
    "setup.creds";
constexpr char kEarlierSpace[] =
    "the space keeps its records as an earlier version did; run meshwarden space harden, and start again "
    "with "
    "the mover.creds that it writes";
constexpr char kRecordsOutOfReach[] =
    "mover_credentials are of an earlier version than the space's records, so only pinned agents are known; "
    "start again with the mover.creds that meshwarden space harden wrote";

constexpr char kNotGuarded[] =
    "this server lets an agent's credential do more than its policy says: the mappings of its system account "
    "are "
    "not in force; run meshwarden space harden --dir DIR, where space init wrote, and restart the server "
    "with the "
    "server.conf there";
constexpr char kGuardUnknown[] =
    "cannot tell whether this server holds agents to their policy: mover_credentials may not ask; run "
    "meshwarden "
    "space harden --dir DIR, where space init wrote, and restart with what it writes";
constexpr char kFiltersWithin[] = "chat filters are within the policy";
constexpr char kFiltersMaybeWider[] =
    "chat filters may be wider than the policy: some could not be compared or cut back; the lines before "
    "this "
    "one name them";
constexpr char kFiltersUnseen[] =
    "cannot tell what agents read: mover_credentials may not list chat durables, so filters that are wider "
    "than "
    "the policy stay as they are; run meshwarden space harden, and restart with what it writes";
constexpr char kNobodyWatches[] =
    "nobody watches what is done to agents' durables: deleted and misplaced ones are neither reported nor "
    "put "
    "right; mint a credential with meshwarden creds mint --profile watcher, and name it as "
    "watcher_credentials";
constexpr char kOnlyReports[] =
    "what is done to agents' durables is reported but not put right: mover_credentials is of a version "
    "before "
    "that; run meshwarden space harden, and restart with what it writes";

absl::Status CannotConnect(const absl::Status& status, const std::string& credentials) {
  return Annotate(status, fmt::format("cannot connect with {} ({})", credentials,
                                      absl::IsPermissionDenied(status)
                                          ? "is it of the account that this server knows, and not expired?"
                                          : "is nats-server running, and does `servers` name it?"));
}

// As soon as it can be had.
absl::StatusOr<std::unique_ptr<Connection>> OpenWhenPossible(Waiting& waiting,
                                                             const ConnectionOptions& options,
                                                             const std::string& credentials) {
  std::unique_ptr<Connection> opened;
  MW_RETURN_IF_ERROR(waiting.Until([&] {
    absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(options);
    if (!connection.ok()) return CannotConnect(connection.status(), credentials);
    opened = *std::move(connection);
    return absl::OkStatus();
  }));
  return opened;
}

// What an operator has to do before records are where nobody else can write.
void TellOfLayout(RecordLayout layout, Log& log) {
  switch (layout) {
    case RecordLayout::kSecret:
      return;
    case RecordLayout::kUnmoved:
      return log.Write(LogLevel::kWarn, kUnmovedRecords);
    case RecordLayout::kEarlier:
      return log.Write(LogLevel::kWarn, kEarlierSpace);
    case RecordLayout::kOutOfReach:
      return log.Write(LogLevel::kError, kRecordsOutOfReach);
  }
}

}  // namespace

Daemon::Daemon(const Config& config, const Material& material, Log& log,
               std::shared_ptr<const Cancellation> cancel)
    : config_(config),
      material_(material),
      log_(log),
      cancel_(std::move(cancel)),
      deadlines_(std::make_unique<DeadlineWatch>(kAnswerWithin)),
      keeper_(std::make_unique<QueueKeeper>(config.space, log, QueueKeeper::Options{})),
      watcher_(std::make_unique<Watcher>(config.space, log, WatchOptions{})),
      readiness_(std::make_unique<Readiness>(Readiness::Options{})),
      open_(config.limits.waiting_per_agent + 1),
      refusals_(log),
      queue_(config.limits) {}

Daemon::~Daemon() { Stop(std::chrono::milliseconds(0)); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, const Material& material,
                                                      Log& log, Waiting& waiting) {
  std::unique_ptr<Daemon> daemon(new Daemon(config, material, log, waiting.cancel()));
  MW_RETURN_IF_ERROR(daemon->Connect(waiting));
  MW_RETURN_IF_ERROR(daemon->CheckServer());
  MW_RETURN_IF_ERROR(daemon->AwaitSpace(waiting));
  daemon->CheckGuard();
  MW_RETURN_IF_ERROR(waiting.Until([&] { return daemon->CheckRecords(); }));
  MW_RETURN_IF_ERROR(waiting.Until([&] { return daemon->CutFiltersBack(); }));
  daemon->Prepare();
  // From here on nothing is waited for: what keeps answers true has to run while they are given.
  MW_RETURN_IF_ERROR(daemon->Serve());
  MW_RETURN_IF_ERROR(daemon->Watch());
  daemon->keeper_->Start(*daemon->apis_.back());
  daemon->patrol_ = std::make_unique<FilterPatrol>(std::vector(kCutAgainAfter.begin(), kCutAgainAfter.end()),
                                                   [&started = *daemon] { started.CutFiltersBackAgain(); });
  daemon->WatchReadiness();
  log.Write(LogLevel::kInfo, "ready",
            {{"space", config.space},
             {"server", daemon->responder_->server_version()},
             {"id", daemon->responder_->id()},
             {"agents", static_cast<std::int64_t>(material.policy->size())},
             {"policy", material.policy->revision()}});
  return daemon;
}

ConnectionOptions Daemon::OptionsFor(const std::string& role, std::shared_ptr<CredsFile> creds) const {
  ConnectionOptions options;
  options.servers = config_.servers;
  if (options.servers.empty()) {
    options.servers.emplace_back(kDefaultServer);
  }
  options.name = fmt::format("meshwardend {} {}", config_.space, role);
  options.creds_file = std::move(creds);
  options.tls = config_.tls;
  options.connect_timeout = kConnectTimeout;
  options.cancel = cancel_;
  options.on_state = [&log = log_, &readiness = *readiness_, role](bool connected) {
    log.Write(connected ? LogLevel::kInfo : LogLevel::kWarn, connected ? "connected" : "connection lost",
              {{"connection", role}});
    // Also when it is lost: what is not back soon is told.
    readiness.LookSoon();
  };
  options.on_error = [&log = log_, role](const absl::Status& status) {
    const std::string message = MessageOf(status);
    log.Write(LogLevel::kWarn, "the server reports", {{"connection", role}, {"error", message}});
  };
  return options;
}

ConnectionOptions Daemon::ResponderOptions() {
  ConnectionOptions options = OptionsFor("responder", material_.responder);
  // Answers that went down with the connection before; whoever asked may still wait.
  options.on_bind = [&answers = answers_](Connection& connection) {
    answers.SendAgain(connection, std::chrono::steady_clock::now());
    return absl::OkStatus();
  };
  return options;
}

ConnectionOptions Daemon::MoverOptions() const {
  ConnectionOptions options = OptionsFor("mover", material_.mover);
  options.on_state = [told = std::move(options.on_state), &keeper = *keeper_](bool connected) {
    told(connected);
    // The broker may have been restarted, with less in its store than it had.
    if (connected) keeper.LookSoon();
  };
  return options;
}

ConnectionOptions Daemon::ListenerOptions() const {
  ConnectionOptions options = OptionsFor("watcher", material_.watcher);
  options.on_state = [told = std::move(options.on_state), &watcher = *watcher_](bool connected) {
    told(connected);
    // What happened meanwhile was not heard.
    if (connected) watcher.LookSoon();
  };
  return options;
}

absl::Status Daemon::Connect(Waiting& waiting) {
  MW_ASSIGN_OR_RETURN(responder_, OpenWhenPossible(waiting, ResponderOptions(), config_.credentials));
  for (int i = 0; i < kMovers; ++i) {
    MW_ASSIGN_OR_RETURN(std::unique_ptr<Connection> mover,
                        OpenWhenPossible(waiting, MoverOptions(), config_.mover_credentials));
    movers_.push_back(std::move(mover));
    apis_.push_back(std::make_unique<JetStreamApi>(*movers_.back(), kApiTimeout, material_.secrets.api));
  }
  records_ = std::make_unique<RecordKeeper>(*apis_.front(), config_.space, material_.secrets);
  if (material_.watcher == nullptr) return absl::OkStatus();
  MW_ASSIGN_OR_RETURN(listener_, OpenWhenPossible(waiting, ListenerOptions(), config_.watcher_credentials));
  MW_ASSIGN_OR_RETURN(repairer_, OpenWhenPossible(waiting, OptionsFor("repairer", material_.mover),
                                                  config_.mover_credentials));
  repair_api_ = std::make_unique<JetStreamApi>(*repairer_, kApiTimeout, material_.secrets.api);
  return absl::OkStatus();
}

absl::Status Daemon::CheckServer() {
  const ServerVersionCheck check = CheckServerVersion(movers_.front()->server_version());
  if (check.verdict == ServerVersionVerdict::kTooOld) {
    return absl::UnimplementedError(check.message);
  }
  if (check.verdict == ServerVersionVerdict::kOutdated) {
    log_.Write(LogLevel::kWarn, check.message);
  }
  return absl::OkStatus();
}

absl::Status Daemon::AwaitSpace(Waiting& waiting) {
  return waiting.Until([this]() -> absl::Status {
    MW_ASSIGN_OR_RETURN(const SpaceState state, CheckSpace(*apis_.front(), config_.space, material_.secrets));
    if (const std::string problem = ProblemOf(state); !problem.empty())
      return absl::FailedPreconditionError(problem);
    chat_made_ = state.chat_made;
    return absl::OkStatus();
  });
}

void Daemon::WatchReadiness() {
  std::vector<std::shared_ptr<CredsFile>> creds = {material_.responder, material_.mover};
  if (material_.watcher != nullptr) creds.push_back(material_.watcher);
  readiness_->Start({.api = *apis_.front(),
                     .log = log_,
                     .clock = Clock::System(),
                     .space = config_.space,
                     .secrets = material_.secrets,
                     .chat_made = chat_made_,
                     .creds = std::move(creds),
                     .in_cluster = [this] { return movers_.front()->in_cluster(); },
                     .away = [this] { return Away(); },
                     .cut_back = [this] { return CutFiltersBack(); }});
}

std::string Daemon::Away() const {
  if (!responder_->connected()) return "responder";
  for (const auto& mover : movers_) {
    if (!mover->connected()) return "mover";
  }
  if (listener_ != nullptr && !listener_->connected()) return "watcher";
  return "";
}

void Daemon::CheckGuard() {
  // A mover of an earlier version may not ask.
  const ApiGuard guard = material_.secrets.api.empty()
                             ? ApiGuard::kUnknown
                             : AskApiGuard(*movers_.front(), config_.space, kApiTimeout);
  switch (guard) {
    case ApiGuard::kInForce:
      return;
    case ApiGuard::kNotInForce:
      log_.Write(LogLevel::kError, kNotGuarded);
      return;
    case ApiGuard::kUnknown:
      log_.Write(LogLevel::kWarn, kGuardUnknown);
  }
}

absl::Status Daemon::CheckRecords() {
  const absl::StatusOr<RecordLayout> layout = records_->FindLayout();
  if (absl::IsFailedPrecondition(layout.status())) {
    log_.Write(LogLevel::kWarn, kNoRecords, {{"space", config_.space}});
    return absl::OkStatus();
  }
  if (!layout.ok()) {
    return Annotate(
        layout.status(),
        "cannot read agent records; is JetStream enabled, and is mover_credentials of this space?");
  }
  has_records_ = true;
  TellOfLayout(*layout, log_);
  return absl::OkStatus();
}

absl::StatusOr<FilterAudit> Daemon::AuditFilters() {
  const auto records = std::make_shared<const RecordReader>(*movers_.front(), *records_, config_.space, log_);
  return meshwarden::CutFiltersBack(
      {.api = *apis_.front(),
       .space = config_.space,
       .policy = material_.policy,
       .read_record = [records](const std::string& id, auto done) { records->Read(id, std::move(done)); },
       .in_turn = managers_ == nullptr ? FilterAuditParts::InTurn() : TurnsOfAgents(),
       .log = log_});
}

// An agent of another manager is not this one's to wait for: what it reads too much is taken away all the
// same.
FilterAuditParts::InTurn Daemon::TurnsOfAgents() {
  return [this](const std::string& id, const std::function<void(AgentQueue::Turn)>& act) {
    if (!managers_->order().MayAct(id) || queue_.Submit(id, act) != AgentQueue::Admission::kTaken) {
      act(nullptr);
    }
  };
}

absl::Status Daemon::CutFiltersBack() {
  const absl::StatusOr<FilterAudit> audit = AuditFilters();
  if (absl::IsPermissionDenied(audit.status())) {
    log_.Write(LogLevel::kError, kFiltersUnseen);
    return absl::OkStatus();
  }
  // A space that is not set up yet has nobody who reads.
  if (HasJsError(audit.status(), JsError::kStreamNotFound)) return absl::OkStatus();
  MW_RETURN_IF_ERROR(Annotate(audit.status(), "cannot tell whether chat filters are within the policy"));
  TellOf(*audit);
  return absl::OkStatus();
}

// A broker that cannot say is asked again the next time, and by the start of the next manager.
void Daemon::CutFiltersBackAgain() {
  const absl::StatusOr<FilterAudit> audit = AuditFilters();
  if (audit.ok() && audit->cut + audit->parked + audit->failed > 0) TellOf(*audit);
}

void Daemon::TellOf(const FilterAudit& audit) {
  log_.Write(audit.failed == 0 ? LogLevel::kInfo : LogLevel::kError,
             audit.failed == 0 ? kFiltersWithin : kFiltersMaybeWider,
             {{"durables", static_cast<std::int64_t>(audit.durables)},
              {"cut", static_cast<std::int64_t>(audit.cut)},
              {"parked", static_cast<std::int64_t>(audit.parked)},
              {"unknown", static_cast<std::int64_t>(audit.unknown)},
              {"failed", static_cast<std::int64_t>(audit.failed)}});
}

void Daemon::Prepare() {
  std::vector<JetStreamApi*> apis;
  for (const auto& api : apis_) {
    apis.push_back(api.get());
  }
  filters_ = std::make_unique<BrokerChatFilters>(apis, config_.space);
  const auto records = std::make_shared<const RecordReader>(*movers_.front(), *records_, config_.space, log_);
  directory_ = std::make_unique<AgentDirectory>(
      material_.policy,
      [records](const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done) {
        records->Read(id, std::move(done));
      },
      AgentDirectory::Options{});
  managers_ = std::make_unique<Managers>(Managers::Parts{.responder = *responder_,
                                                         .api = *apis_.front(),
                                                         .space = config_.space,
                                                         .secrets = material_.secrets,
                                                         .has_records = has_records_,
                                                         .log = log_});
  late_moves_ = std::make_unique<LateMoves>(
      LateMoves::Parts{
          .filters = *filters_,
          .directory = *directory_,
          .queue = queue_,
          .order = managers_->order(),
          .log = log_,
          .tell_others = [&managers = *managers_](
                             const std::string& id,
                             const std::vector<std::string>& channels) { managers.TellLost(id, channels); }},
      LateMoves::Options{});
  filters_->ListenTo(*late_moves_);
  service_ = std::make_unique<SelfService>(SelfService::Parts{.directory = *directory_,
                                                              .queue = queue_,
                                                              .filters = *filters_,
                                                              .deadlines = *deadlines_,
                                                              .order = managers_->order(),
                                                              .moves = *late_moves_,
                                                              .naps = managers_->naps(),
                                                              .log = log_});
}

absl::Status Daemon::Serve() {
  const auto handler = [&service = *service_](ControlCall call, ControlResponder respond) {
    service.Handle(std::move(call), std::move(respond));
  };
  ControlServiceOptions options{
      .on_refused = [&refusals = refusals_](const RefusedRequest& refused) { refusals.Write(refused); },
      .meter = &meter_,
      .open = &open_,
      .aside = &aside_,
      .answers = &answers_};
  MW_RETURN_IF_ERROR(managers_->Join(
      MakeControlDoor(*responder_, config_.space, kSelfService, handler, options),
      [&moves = *late_moves_](const std::string& id, const std::vector<std::string>& channels) {
        moves.LostElsewhere(id, channels);
      }));
  options.divert = [&managers = *managers_](const std::string& sender, const NatsMessage& request) {
    return managers.Divert(sender, request);
  };
  MW_ASSIGN_OR_RETURN(subscription_,
                      ServeControl(*responder_, config_.space, kSelfService, handler, std::move(options)));
  managers_->WatchNaps(*subscription_);
  // Once this has been answered, the server delivers to us.
  return Annotate(responder_->Flush(kFlushTimeout), "cannot subscribe to the control service");
}

absl::Status Daemon::Watch() {
  if (listener_ == nullptr) {
    log_.Write(LogLevel::kWarn, kNobodyWatches);
    return absl::OkStatus();
  }
  const bool may_repair = !material_.secrets.api.empty();
  if (!may_repair) {
    log_.Write(LogLevel::kWarn, kOnlyReports);
  }
  MW_RETURN_IF_ERROR(watcher_->Start(
      *listener_,
      {.api = *repair_api_,
       .space = config_.space,
       .policy = material_.policy,
       .read_record = [&records = *records_](const std::string& id) { return records.Read(id); },
       .id = repairer_->id()},
      may_repair ? Watcher::Power::kRepair : Watcher::Power::kReport));
  return Annotate(listener_->Flush(kFlushTimeout), "cannot listen to the broker's advisories");
}

bool Daemon::Stop(std::chrono::milliseconds timeout) {
  // Another manager takes over, if there is one.
  if (managers_ != nullptr) managers_->StepBack();
  if (late_moves_ != nullptr) late_moves_->Stop();
  if (patrol_ != nullptr) patrol_->Stop();
  // Requests that still arrive are told so; when the responder closes, the server knows and sends no more.
  queue_.Close();
  const bool finished = queue_.WaitUntilIdle(timeout);
  if (managers_ != nullptr) managers_->Leave();
  readiness_->Stop();
  // While their connections live, so that no durable stays deleted.
  keeper_->Stop();
  watcher_->Stop();
  // What is still under way ends with an error as the mover closes, and its answer goes out before the
  // responder does.
  for (const auto& mover : movers_) {
    static_cast<void>(mover->Drain(kDrainTimeout));
  }
  // A look under way has ended with an error.
  patrol_.reset();
  for (const auto& of_the_watcher : {listener_.get(), repairer_.get()}) {
    if (of_the_watcher != nullptr) static_cast<void>(of_the_watcher->Drain(kDrainTimeout));
  }
  aside_.Stop();
  if (responder_ != nullptr) {
    static_cast<void>(responder_->Drain(kDrainTimeout));
  }
  subscription_.reset();
  deadlines_.reset();
  return finished;
}

}  // namespace meshwarden
