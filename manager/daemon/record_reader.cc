#include "manager/daemon/record_reader.h"

#include <utility>

#include "base/status.h"
#include "proto/identity/nkey.h"

namespace meshwarden {

RecordReader::RecordReader(Connection& mover, RecordKeeper& records, std::string space, Log& log)
    : mover_(mover), records_(records), space_(std::move(space)), log_(log) {}

void RecordReader::Read(const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done) const {
  const absl::Status valid = PublicNkey::ParseAs(NkeyKind::kUser, id).status();
  if (!valid.ok()) {
    return done(absl::NotFoundError(MessageOf(valid)));
  }
  records_.ReadAsync(id, [this, done = std::move(done)](absl::StatusOr<AgentRecord> record) {
    done(Interpret(std::move(record)));
  });
}

absl::StatusOr<AgentRecord> RecordReader::Interpret(absl::StatusOr<AgentRecord> record) const {
  if (!absl::IsFailedPrecondition(record.status())) {
    return record;
  }
  if (!mover_.connected()) {
    return absl::UnavailableError(MessageOf(record.status()));
  }
  log_.Write(LogLevel::kError, kNoRecords, {{"space", space_}});
  return absl::NotFoundError(kNoRecords);
}

}  // namespace meshwarden
