#include "provisioning/agent_record.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kRecordLimits = {.max_bytes = 4096, .max_depth = 4, .max_values = 64};
constexpr std::int64_t kLastMillisecond = 7'258'118'399'999;  // of the year 2199
constexpr int kWriteAttempts = 2;

// Where records lie: the stream that is read, the subject that is written.
struct Place {
  std::string stream;
  std::string subject;
};

// Refuses an id with which a subject would mean more than one record.
absl::StatusOr<Place> PlaceOf(std::string_view space, std::string_view id) {
  const absl::Status valid = PublicNkey::ParseAs(NkeyKind::kUser, id).status();
  MW_RETURN_IF_ERROR(Annotate(valid, "agent record"));
  const std::string bucket = AgentBucket(space);
  return Place{.stream = BucketStream(bucket), .subject = BucketSubject(bucket, id)};
}

absl::Status NoRecord(std::string_view id) {
  return absl::NotFoundError(fmt::format("there is no record of an agent with the id {}", id));
}

absl::Status Explain(const absl::Status& status, std::string_view id) {
  if (HasJsError(status, JsError::kMessageNotFound)) return NoRecord(id);
  if (HasJsError(status, JsError::kStreamNotFound)) {
    return absl::FailedPreconditionError(
        "the space has no bucket for agents' records; run `meshwarden space setup`");
  }
  return Annotate(status, fmt::format("record of {}", id));
}

absl::StatusOr<AgentRecord> ReadStored(const absl::StatusOr<StoredMessage>& stored, std::string_view id) {
  if (!stored.ok()) return Explain(stored.status(), id);
  if (stored->deleted) return NoRecord(id);
  return DecodeAgentRecord(id, stored->payload);
}

// True if the record stands now, false if somebody else wrote in between.
absl::StatusOr<bool> TryWrite(JetStreamApi& api, const Place& place, const AgentRecord& record) {
  const absl::StatusOr<StoredMessage> stored = api.LastMessage(place.stream, place.subject);
  const absl::StatusOr<AgentRecord> there = ReadStored(stored, record.id);
  if (there.ok()) {
    MW_RETURN_IF_ERROR(CheckSameAgent(*there, record.agent));
    return true;
  }
  if (!absl::IsNotFound(there.status())) return there.status();
  const std::uint64_t last = stored.ok() ? stored->seq : 0;
  const absl::Status written = api.PublishStored(place.subject, EncodeAgentRecord(record), last).status();
  if (HasJsError(written, JsError::kWrongLastSequence)) return false;
  MW_RETURN_IF_ERROR(Explain(written, record.id));
  return true;
}

}  // namespace

std::string EncodeAgentRecord(const AgentRecord& record) {
  const auto since_epoch = record.provisioned_at.time_since_epoch();
  return DumpJson(
      Json{{"id", record.id},
           {"agent", record.agent},
           {"provisionedAt", std::chrono::floor<std::chrono::milliseconds>(since_epoch).count()}});
}

absl::StatusOr<AgentRecord> DecodeAgentRecord(std::string_view id, std::string_view text) {
  const std::string where = fmt::format("record of {}", id);
  absl::StatusOr<Json> json = ParseJsonObject(text, kRecordLimits);
  if (!json.ok()) return Annotate(json.status(), where);
  AgentRecord record;
  MW_ASSIGN_OR_RETURN(record.id, RequiredString(*json, "id"));
  MW_ASSIGN_OR_RETURN(record.agent, RequiredString(*json, "agent"));
  MW_ASSIGN_OR_RETURN(const std::int64_t milliseconds, RequiredInteger(*json, "provisionedAt"));
  if (record.id != id) return absl::InvalidArgumentError(fmt::format("{}: is of another id", where));
  if (record.agent.empty()) return absl::InvalidArgumentError(fmt::format("{}: names no agent", where));
  if (milliseconds < 0 || milliseconds > kLastMillisecond) {
    return absl::InvalidArgumentError(fmt::format("{}: \"provisionedAt\" is no time", where));
  }
  record.provisioned_at = SystemTime(std::chrono::milliseconds(milliseconds));
  return record;
}

absl::Status CheckSameAgent(const AgentRecord& stored, std::string_view agent) {
  if (stored.agent == agent) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is recorded as agent {} and cannot become {}; use a new identity", stored.id,
                  Quoted(stored.agent), Quoted(agent)));
}

void ReadAgentRecordAsync(JetStreamApi& api, std::string_view space, std::string_view id,
                          std::function<void(absl::StatusOr<AgentRecord>)> done) {
  const absl::StatusOr<Place> place = PlaceOf(space, id);
  if (!place.ok()) return done(place.status());
  api.LastMessageAsync(place->stream, place->subject,
                       [id = std::string(id), done = std::move(done)](
                           const absl::StatusOr<StoredMessage>& stored) { done(ReadStored(stored, id)); });
}

absl::StatusOr<AgentRecord> ReadAgentRecord(JetStreamApi& api, std::string_view space, std::string_view id) {
  MW_ASSIGN_OR_RETURN(const Place place, PlaceOf(space, id));
  return ReadStored(api.LastMessage(place.stream, place.subject), id);
}

absl::Status WriteAgentRecord(JetStreamApi& api, std::string_view space, const AgentRecord& record) {
  MW_ASSIGN_OR_RETURN(const Place place, PlaceOf(space, record.id));
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    MW_ASSIGN_OR_RETURN(const bool written, TryWrite(api, place, record));
    if (written) return absl::OkStatus();
  }
  return absl::AbortedError(fmt::format("record of {}: others keep writing it; try again", record.id));
}

}  // namespace meshwarden
