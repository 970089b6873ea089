#include "manager/watch/watcher.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// Enough for all whom a moment can name; the others are named again.
constexpr std::size_t kMaxToTakeAway = 64;
// Between two turns with nothing to do.
constexpr std::chrono::hours kIdle{1};

}  // namespace

Watcher::Watcher(std::string space, Log& log, const WatchOptions& options)
    : space_(std::move(space)), log_(log), options_(options), inbox_(options.max_events) {}

Watcher::~Watcher() { Stop(); }

absl::Status Watcher::Start(Connection& connection, const WatchRepairs::Parts& repairs, Power power) {
  power_ = power;
  repairs_.emplace(repairs);
  places_.emplace(PlaceKeeper::Parts{.space = space_, .repairs = *repairs_, .log = log_}, options_);
  restorer_.emplace(
      ChatRestorer::Parts{
          .space = space_, .repairs = *repairs_, .places = places_->chat_places(), .log = log_},
      options_);
  MW_RETURN_IF_ERROR(inbox_.Listen(connection, {ChatStream(space_), DmStream(space_), TaskStream(space_)}));
  if (power_ == Power::kRepair) {
    registry_.emplace(RegistryKeeper::Parts{.space = space_, .api = repairs_->api(), .log = log_});
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Watcher::Stop() {
  inbox_.Close();
  if (thread_.joinable()) thread_.join();
}

void Watcher::Run() {
  // The first look is due from the beginning.
  do {
    Attend();
    LookAtRegistry();
    Look();
    TakeAwayPulls();
  } while (inbox_.Await(NextDue()));
  restorer_->Finish();
}

EventInbox::Time Watcher::NextDue() const {
  const EventInbox::Time idle = std::chrono::steady_clock::now() + kIdle;
  if (power_ != Power::kRepair) return idle;
  return std::min({idle, places_->next_due(), restorer_->next_due(), registry_->next_due()});
}

bool Watcher::Attend() {
  const EventInbox::Taken taken = inbox_.Take();
  if (taken.dropped > 0) {
    log_.Tell({.level = LogLevel::kWarn,
               .message = "more was told by the broker than could be worked off",
               .of = "",
               .fields = {{"dropped", static_cast<std::int64_t>(taken.dropped)}}});
  }
  if (taken.dropped > 0 || taken.wakes > 0) places_->LookSoon();
  // What is told does not matter to the registry; that nothing was told may mean that it is another one.
  if (taken.wakes > 0 && registry_.has_value()) registry_->LookAtAllSoon();
  for (const BrokerEvent& event : taken.events) {
    std::visit([this](const auto& known) { Heed(known); }, event);
  }
  if (power_ == Power::kRepair) restorer_->MakeDue();
  return !inbox_.closed();
}

void Watcher::Heed(const ApiUse& use) {
  if (use.driven()) {
    log_.Tell({.level = LogLevel::kError,
               .message = "the JetStream API was used by a client that had the broker ask; it can't be named",
               .of = "",
               .fields = {{"subject", use.subject}}});
  }
  const std::string prefix = "$JS.API.CONSUMER.DELETE." + ChatStream(space_) + ".";
  if (!use.subject.starts_with(prefix)) return;
  if (const std::optional<std::string> id = AgentOfChatDurable(use.subject.substr(prefix.size()))) {
    restorer_->NoteDeletedBy(*id, use.user);
  }
}

void Watcher::Heed(const ConsumerGone& gone) {
  const std::optional<std::string> id = AgentOfDurable(gone.consumer);
  if (!id.has_value()) return;
  const bool chat = gone.stream == ChatStream(space_) && gone.consumer == ChatDurable(*id);
  if (chat && power_ == Power::kRepair) return restorer_->NoteGone(*id);
  const bool own = chat || (gone.stream == DmStream(space_) && gone.consumer == DmDurable(*id));
  if (!own || !repairs_->AgentOf(*id).ok()) return;
  log_.Tell({.level = LogLevel::kError,
             .message =
                 "an agent's durable was deleted, and this manager may not make it anew; provision the "
                 "agent again",
             .of = gone.consumer,
             .fields = {{"stream", gone.stream}, {"durable", gone.consumer}}});
}

void Watcher::Heed(const PlaceMove& move) {
  const std::string by = move.driven() ? Accuse(move) : "";
  places_->Heard(move, by);
}

void Watcher::LookAtRegistry() {
  if (!registry_.has_value()) return;
  const absl::Status looked = registry_->LookAtDue();
  if (looked.ok()) return;
  const std::string error = MessageOf(looked);
  // A broker that is away for a moment is no news.
  log_.Tell({.level = absl::IsUnavailable(looked) ? LogLevel::kDebug : LogLevel::kWarn,
             .message = "the channel registry could not be read, trying again",
             .of = "",
             .fields = {{"error", error}}});
}

std::string Watcher::Accuse(const PlaceMove& move) {
  // Durables of people who are none of the space's agents have names, too: a record makes the agent.
  const std::optional<Suspect> suspect = SuspectOf(space_, move.reply);
  std::vector<LogField> fields = {{"stream", move.stream}};
  if (!move.consumer.empty()) fields.push_back({"durable", move.consumer});
  const auto tell = [&](std::string_view message, std::string_view of) {
    log_.Tell({.level = LogLevel::kError, .message = message, .of = of, .fields = fields});
  };
  if (suspect.has_value() && !suspect->role.empty()) {
    fields.push_back({"role", suspect->role});
    tell("a member of a role has the broker move others' durables", suspect->role);
    return "";
  }
  absl::StatusOr<AgentRecord> record = absl::NotFoundError("nobody is named");
  if (suspect.has_value()) record = repairs_->RecordOf(suspect->id);
  if (!record.ok()) {
    tell("somebody has the broker move others' durables, and can't be named", "");
    return "";
  }
  fields.push_back({"by", suspect->id});
  fields.push_back({"agent", record->agent});
  tell("an agent has the broker move others' durables", suspect->id);
  if (to_take_away_.size() < kMaxToTakeAway) to_take_away_.insert(suspect->id);
  return suspect->id;
}

void Watcher::Look() {
  if (power_ != Power::kRepair) return;
  TakeIn(places_->LookAtDue([this] { return Attend(); }));
  TellOnceAllIsKnown();
}

// Until then a durable that is lost goes back by time, which brings again what was settled of late.
void Watcher::TellOnceAllIsKnown() {
  if (told_known_ || !places_->knows_all()) return;
  told_known_ = true;
  log_.Tell(
      {.level = LogLevel::kInfo, .message = "the places of all durables are known", .of = "", .fields = {}});
}

void Watcher::TakeIn(const PlaceKeeper::Findings& findings) {
  for (const std::string& id : findings.without_chat) restorer_->NoteGone(id);
  for (const std::string& id : findings.crowded) {
    if (to_take_away_.size() < kMaxToTakeAway) to_take_away_.insert(id);
  }
}

void Watcher::TakeAwayPulls() {
  const std::set<std::string> ids = std::exchange(to_take_away_, {});
  if (power_ != Power::kRepair) return;
  for (const std::string& id : ids) {
    if (inbox_.closed()) return;
    // The broker ends pulls that nobody awaits when it is asked about their durables.
    restorer_->TakeAway(id, [this] { TakeIn(places_->LookAtAll([this] { return Attend(); })); });
  }
}

}  // namespace meshwarden
