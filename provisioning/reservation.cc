#include "provisioning/reservation.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "provisioning/left_in_part.h"

namespace meshwarden {
namespace {

// It may have been carried out, or be carried out yet.
bool IsOutcomeUnknown(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

AgentRecord InState(AgentRecord record, RecordState state) {
  record.state = state;
  return record;
}

absl::Status WithAdvice(const absl::Status& why, std::string_view advice) {
  return absl::Status(why.code(), fmt::format("{}; {}", MessageOf(why), advice));
}

}  // namespace

absl::StatusOr<Reservation> Reservation::Make(RecordKeeper& records, const Clock& clock, AgentRecord record) {
  const absl::StatusOr<AgentRecord> before = records.Read(record.id);
  const bool was_begun =
      before.ok() && (before->state == RecordState::kBegun || before->state == RecordState::kLeaving);
  record.state = RecordState::kBegun;
  MW_ASSIGN_OR_RETURN(StandingRecord standing, records.Begin(record));
  return Reservation(records, clock, std::move(standing), was_begun);
}

absl::Status Reservation::Complete() {
  if (was_live_) return CheckStillLive();
  absl::StatusOr<StandingRecord> live =
      records_->Replace(standing_, InState(standing_.record, RecordState::kLive));
  if (live.ok()) {
    standing_ = *std::move(live);
    return absl::OkStatus();
  }
  if (!absl::IsAborted(live.status())) return live.status();
  // Whoever took it over has made it live, or is about to.
  const absl::StatusOr<AgentRecord> now = records_->Read(standing_.record.id);
  const bool taken_over = now.ok() && now->state == RecordState::kBegun;
  if (taken_over && now->agent == standing_.record.agent) return live.status();
  return CheckStillLive();
}

absl::Status Reservation::CheckStillLive() const {
  MW_ASSIGN_OR_RETURN(const AgentRecord now, records_->Read(standing_.record.id));
  MW_RETURN_IF_ERROR(CheckSameAgent(now, standing_.record.agent));
  if (now.state == RecordState::kLive) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is recorded as {}, no longer as live; try again", now.id, NameOf(now.state)));
}

absl::Status Reservation::TakeBack(const absl::Status& why, const UndoFunction& undo) {
  if (was_live_) return why;
  if (IsOutcomeUnknown(why)) {
    return WithAdvice(why, "what was begun stays: doing it again, with the same identity, completes it");
  }
  const absl::Status undone = Undo(undo);
  if (undone.ok()) return why;
  return LeftInPart(
      WithAdvice(why, fmt::format("what had been made could not be taken back: {}", MessageOf(undone))));
}

absl::Status Reservation::Undo(const UndoFunction& undo) {
  const AgentRecord begun = standing_.record;
  AgentRecord leaving = InState(begun, RecordState::kLeaving);
  const SystemTime now = clock_->Now();
  leaving.taken_back_at = now;
  MW_ASSIGN_OR_RETURN(standing_, records_->Replace(standing_, leaving));
  const absl::Status undone = undo(now + kTakeBackTime);
  // What is left is the next attempt's, as is what an earlier one had begun.
  const bool is_free = undone.ok() && !was_begun_;
  const absl::Status freed =
      is_free ? records_->Remove(standing_) : records_->Replace(standing_, begun).status();
  return undone.ok() ? freed : undone;
}

}  // namespace meshwarden
