#include "provisioning/records/agent_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr JsonLimits kRecordLimits = {.max_bytes = 4096, .max_depth = 4, .max_values = 64};
constexpr std::int64_t kVersion = 2;
constexpr seconds kLastSecond{7'258'118'399};  // of the year 2199

constexpr std::array kStates = {
    std::pair(RecordState::kBegun, std::string_view("begun")),
    std::pair(RecordState::kLive, std::string_view("live")),
    std::pair(RecordState::kLeaving, std::string_view("leaving")),
    std::pair(RecordState::kGone, std::string_view("gone")),
    std::pair(RecordState::kRevoked, std::string_view("revoked")),
};

template <typename Unit>
std::int64_t CountOf(SystemTime time) {
  return std::chrono::floor<Unit>(time.time_since_epoch()).count();
}

absl::StatusOr<RecordState> StateByName(const std::string& name) {
  const auto found = std::find_if(kStates.begin(), kStates.end(),
                                  [&name](const auto& entry) { return entry.second == name; });
  if (found != kStates.end()) return found->first;
  return absl::InvalidArgumentError("its state is unknown");
}

template <typename Unit>
absl::StatusOr<SystemTime> RequiredTime(const Json& json, const char* key) {
  MW_ASSIGN_OR_RETURN(const std::int64_t count, RequiredInteger(json, key));
  if (count >= 0 && count < Unit(kLastSecond + seconds(1)).count()) return SystemTime(Unit(count));
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no time", key));
}

template <typename Unit>
absl::StatusOr<std::optional<SystemTime>> OptionalTime(const Json& json, const char* key) {
  if (!json.contains(key)) return std::nullopt;
  return RequiredTime<Unit>(json, key);
}

absl::StatusOr<std::optional<seconds>> OptionalLifetime(const Json& json) {
  if (!json.contains("ttl")) return std::nullopt;
  MW_ASSIGN_OR_RETURN(const std::int64_t count, RequiredInteger(json, "ttl"));
  if (count > 0 && count <= kLastSecond.count()) return seconds(count);
  return absl::InvalidArgumentError("\"ttl\" is no lifetime");
}

// What version 2 added.
absl::Status ReadLaterFields(const Json& json, AgentRecord& record) {
  MW_ASSIGN_OR_RETURN(const std::string state, RequiredString(json, "state"));
  MW_ASSIGN_OR_RETURN(record.state, StateByName(state));
  MW_ASSIGN_OR_RETURN(record.owner, OptionalString(json, "owner"));
  MW_ASSIGN_OR_RETURN(record.root, OptionalString(json, "root"));
  MW_ASSIGN_OR_RETURN(record.ttl, OptionalLifetime(json));
  MW_ASSIGN_OR_RETURN(record.expires, OptionalTime<seconds>(json, "expires"));
  MW_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> places, OptionalStrings(json, "places"));
  record.places = std::move(places).value_or(std::vector<std::string>());
  MW_ASSIGN_OR_RETURN(record.seen_at, OptionalTime<milliseconds>(json, "seenAt"));
  MW_ASSIGN_OR_RETURN(record.taken_back_at, OptionalTime<milliseconds>(json, "takenBackAt"));
  return absl::OkStatus();
}

bool IsTakenBack(const AgentRecord& record) {
  return record.state == RecordState::kLeaving && record.taken_back_at.has_value();
}

absl::StatusOr<AgentRecord> Read(std::string_view id, std::string_view text) {
  MW_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(text, kRecordLimits));
  AgentRecord record;
  MW_ASSIGN_OR_RETURN(record.id, RequiredString(json, "id"));
  MW_ASSIGN_OR_RETURN(record.agent, RequiredString(json, "agent"));
  MW_ASSIGN_OR_RETURN(record.provisioned_at, RequiredTime<milliseconds>(json, "provisionedAt"));
  if (record.id != id) return absl::InvalidArgumentError("it is of another id");
  if (record.agent.empty()) return absl::InvalidArgumentError("it names no agent");
  if (!json.contains("v")) return record;
  MW_ASSIGN_OR_RETURN(const std::int64_t version, RequiredInteger(json, "v"));
  if (version != kVersion) return absl::InvalidArgumentError(fmt::format("its version is {}", version));
  MW_RETURN_IF_ERROR(ReadLaterFields(json, record));
  return record;
}

}  // namespace

std::string_view NameOf(RecordState state) {
  const auto found = std::find_if(kStates.begin(), kStates.end(),
                                  [state](const auto& entry) { return entry.first == state; });
  return found->second;
}

std::string EncodeAgentRecord(const AgentRecord& record) {
  Json json = {{"v", kVersion}, {"id", record.id}, {"agent", record.agent}};
  if (record.owner) json["owner"] = *record.owner;
  if (record.root) json["root"] = *record.root;
  json["state"] = NameOf(record.state);
  json["provisionedAt"] = CountOf<milliseconds>(record.provisioned_at);
  if (record.ttl) json["ttl"] = record.ttl->count();
  if (record.expires) json["expires"] = CountOf<seconds>(*record.expires);
  if (!record.places.empty()) json["places"] = record.places;
  if (record.seen_at) json["seenAt"] = CountOf<milliseconds>(*record.seen_at);
  if (record.taken_back_at) json["takenBackAt"] = CountOf<milliseconds>(*record.taken_back_at);
  return DumpJson(json);
}

absl::StatusOr<AgentRecord> DecodeAgentRecord(std::string_view id, std::string_view text) {
  absl::StatusOr<AgentRecord> record = Read(id, text);
  if (record.ok()) return record;
  return absl::DataLossError(
      fmt::format("the record of {} is damaged ({}); it stays as it is: provision the agent again, under a "
                  "new identity",
                  id, MessageOf(record.status())));
}

absl::Status CheckSameAgent(const AgentRecord& stored, std::string_view agent) {
  if (stored.agent != agent) {
    return absl::FailedPreconditionError(
        fmt::format("{} is recorded as agent {} and cannot become {}; use a new identity", stored.id,
                    Quoted(stored.agent), Quoted(agent)));
  }
  if (stored.state == RecordState::kLive || stored.state == RecordState::kBegun) return absl::OkStatus();
  if (IsTakenBack(stored)) {
    return absl::UnavailableError(fmt::format(
        "what an earlier attempt had begun for {} is being taken back; try again, with the same identity, in "
        "{} s",
        stored.id, kTakeUpAfter.count()));
  }
  return absl::FailedPreconditionError(
      fmt::format("{} is recorded as {}; use a new identity", stored.id, NameOf(stored.state)));
}

absl::Status CheckMayTakeUp(const AgentRecord& stored, std::string_view agent, SystemTime now) {
  const bool interrupted = IsTakenBack(stored) && now >= *stored.taken_back_at + kTakeUpAfter;
  if (interrupted && stored.agent == agent) return absl::OkStatus();
  return CheckSameAgent(stored, agent);
}

}  // namespace meshwarden
