#include "provisioning/records/record_keeper.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "endpoint/nats/blocking.h"
#include "proto/identity/nkey.h"

namespace meshwarden {
namespace {

constexpr int kWriteAttempts = 2;

// Refuses an id with which a key would mean more than one record.
absl::Status CheckId(std::string_view id) {
  return Annotate(PublicNkey::ParseAs(NkeyKind::kUser, id).status(), "agent record");
}

absl::Status OutOfReach() {
  return absl::PermissionDeniedError(
      "the records of this space's agents lie under a secret token, which this credential does not hold; "
      "use the credential that `meshwarden space init` or, last, `meshwarden space harden` wrote");
}

absl::Status Overtaken(const std::string& id) {
  return absl::AbortedError(
      fmt::format("record of {}: somebody else has written it at the same time; try again", id));
}

absl::StatusOr<AgentRecord> ReadRecord(const absl::StatusOr<StoredKey>& stored, const std::string& id) {
  if (!stored.ok()) return Annotate(stored.status(), fmt::format("record of {}", id));
  if (stored->value.has_value()) return DecodeAgentRecord(id, *stored->value);
  return absl::NotFoundError(fmt::format("there is no record of an agent with the id {}", id));
}

}  // namespace

RecordKeeper::RecordKeeper(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets)
    : bucket_(api, space), keys_(secrets.records) {}

absl::StatusOr<RecordLayout> RecordKeeper::FindLayout() {
  MW_ASSIGN_OR_RETURN(const bool moved, Await<bool>([this](auto done) { AskMoved(std::move(done)); }));
  if (keys_.known()) return moved ? RecordLayout::kSecret : RecordLayout::kUnmoved;
  return moved ? RecordLayout::kOutOfReach : RecordLayout::kEarlier;
}

void RecordKeeper::ReadAsync(std::string_view id, Done done) {
  if (const absl::Status valid = CheckId(id); !valid.ok()) return done(valid);
  if (!keys_.known()) return ReadEarlier(std::string(id), std::move(done));
  bucket_.GetAsync(keys_.Record(id), [this, id = std::string(id),
                                      done = std::move(done)](const absl::StatusOr<StoredKey>& stored) {
    const bool never_written = stored.ok() && stored->revision == 0;
    if (never_written && !moved_) return ReadUnmoved(id, done);
    done(ReadRecord(stored, id));
  });
}

absl::StatusOr<AgentRecord> RecordKeeper::Read(std::string_view id) {
  return Await<AgentRecord>([&](auto done) { ReadAsync(id, std::move(done)); });
}

std::string RecordKeeper::KeyOf(std::string_view id) const {
  return keys_.known() ? keys_.Record(id) : std::string(id);
}

void RecordKeeper::ReadKey(const std::string& key, const std::string& id, Done done) {
  bucket_.GetAsync(key, [id, done = std::move(done)](const absl::StatusOr<StoredKey>& stored) {
    done(ReadRecord(stored, id));
  });
}

// In both that follow, whether a bare id counts is asked after it was read: what is found to count now
// counted then.

void RecordKeeper::ReadEarlier(const std::string& id, Done done) {
  ReadKey(id, id, [this, done = std::move(done)](absl::StatusOr<AgentRecord> record) {
    AskMoved([record = std::move(record), done](absl::StatusOr<bool> moved) mutable {
      if (!moved.ok()) return done(std::move(moved).status());
      done(*moved ? OutOfReach() : std::move(record));
    });
  });
}

void RecordKeeper::ReadUnmoved(const std::string& id, Done done) {
  ReadKey(id, id, [this, id, done = std::move(done)](absl::StatusOr<AgentRecord> record) {
    AskMoved([this, id, record = std::move(record), done](absl::StatusOr<bool> moved) mutable {
      if (!moved.ok()) return done(std::move(moved).status());
      if (!*moved && !absl::IsNotFound(record.status())) return done(std::move(record));
      // It may have been moved since we looked.
      ReadKey(keys_.Record(id), id, done);
    });
  });
}

void RecordKeeper::AskMoved(std::function<void(absl::StatusOr<bool>)> done) {
  if (!keys_.known()) return bucket_.FindAsync(kMovedUnderAnyToken, std::move(done));
  if (moved_) return done(true);
  bucket_.FindAsync(keys_.Moved(), [this, done = std::move(done)](absl::StatusOr<bool> moved) {
    if (moved.ok() && *moved) moved_ = true;
    done(std::move(moved));
  });
}

absl::StatusOr<StandingRecord> RecordKeeper::Begin(const AgentRecord& record) {
  MW_RETURN_IF_ERROR(CheckId(record.id));
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    MW_ASSIGN_OR_RETURN(std::optional<StandingRecord> standing, TryBegin(record));
    if (standing.has_value()) return *std::move(standing);
  }
  return absl::AbortedError(fmt::format("record of {}: others keep writing it; try again", record.id));
}

absl::StatusOr<std::optional<StandingRecord>> RecordKeeper::TryBegin(const AgentRecord& record) {
  const std::string key = KeyOf(record.id);
  MW_ASSIGN_OR_RETURN(const StoredKey before, bucket_.Get(key));
  absl::StatusOr<AgentRecord> there = Read(record.id);
  if (there.ok()) {
    MW_RETURN_IF_ERROR(CheckMayTakeUp(*there, record.agent, record.provisioned_at));
    if (there->state == RecordState::kLive) return StandingRecord{*std::move(there), before.revision};
  } else if (!absl::IsNotFound(there.status())) {
    return there.status();
  }
  absl::StatusOr<std::optional<std::uint64_t>> written =
      bucket_.Replace(key, EncodeAgentRecord(record), before.revision);
  if (!written.ok()) return Annotate(written.status(), fmt::format("record of {}", record.id));
  if (!written->has_value()) return std::nullopt;
  StandingRecord standing{record, **written};
  MW_RETURN_IF_ERROR(YieldToAnother(standing));
  return standing;
}

absl::StatusOr<StandingRecord> RecordKeeper::Replace(const StandingRecord& standing,
                                                     const AgentRecord& record) {
  absl::StatusOr<std::optional<std::uint64_t>> written =
      bucket_.Replace(KeyOf(record.id), EncodeAgentRecord(record), standing.revision);
  if (!written.ok()) return Annotate(written.status(), fmt::format("record of {}", record.id));
  if (!written->has_value()) return Overtaken(record.id);
  MW_RETURN_IF_ERROR(CheckStillCounts(record.id));
  return StandingRecord{record, **written};
}

absl::Status RecordKeeper::Remove(const StandingRecord& standing) {
  const std::string& id = standing.record.id;
  const absl::StatusOr<bool> removed = bucket_.DeleteAt(KeyOf(id), standing.revision);
  if (!removed.ok()) return Annotate(removed.status(), fmt::format("record of {}", id));
  return *removed ? absl::OkStatus() : Overtaken(id);
}

// Both write first and look then, so that at most one of them goes on.
absl::Status RecordKeeper::YieldToAnother(const StandingRecord& standing) {
  if (keys_.known()) return moved_ ? absl::OkStatus() : YieldToEarlier(standing);
  MW_RETURN_IF_ERROR(CheckStillCounts(standing.record.id));
  return YieldToAnyToken(standing);
}

absl::Status RecordKeeper::YieldToEarlier(const StandingRecord& standing) {
  const std::string& id = standing.record.id;
  const auto there = Await<AgentRecord>([&](auto done) { ReadKey(id, id, std::move(done)); });
  if (absl::IsNotFound(there.status())) return absl::OkStatus();
  MW_ASSIGN_OR_RETURN(const bool moved, Await<bool>([this](auto done) { AskMoved(std::move(done)); }));
  if (moved) return absl::OkStatus();
  MW_RETURN_IF_ERROR(there.status());
  absl::Status same = CheckMayTakeUp(*there, standing.record.agent, standing.record.provisioned_at);
  // A marker would hide the other one's record from all who hold the token.
  if (!same.ok()) MW_RETURN_IF_ERROR(Replace(standing, *there).status());
  return same;
}

absl::Status RecordKeeper::YieldToAnyToken(const StandingRecord& standing) {
  const std::string& id = standing.record.id;
  MW_ASSIGN_OR_RETURN(const bool there, bucket_.Find(RecordKeys("*").Record(id)));
  if (!there) return absl::OkStatus();
  MW_RETURN_IF_ERROR(Remove(standing));
  return Annotate(OutOfReach(), fmt::format("record of {}", id));
}

// What was written under the bare id counts if the records had not moved yet afterwards: space setup looks
// for such once more behind its mark (space_setup.h).
absl::Status RecordKeeper::CheckStillCounts(const std::string& id) {
  if (keys_.known()) return absl::OkStatus();
  const auto moved = Await<bool>([this](auto done) { AskMoved(std::move(done)); });
  if (!moved.ok()) {
    return Annotate(moved.status(),
                    fmt::format("record of {}: run this again; whether it counts is not known", id));
  }
  if (!*moved) return absl::OkStatus();
  return Annotate(OutOfReach(),
                  fmt::format("record of {}: the records moved while it was written; run this again", id));
}

}  // namespace meshwarden
