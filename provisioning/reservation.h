// An identity, held for one agent while its durables are made.
//
// The record comes first: `begun`, by compare-and-set, so that of two who provision one identity for two
// agents the second has touched nothing when it hears of the first. It becomes `live` by compare-and-set on
// that first write, when everything else is there. Whoever provisions the same identity for the same agent
// meanwhile, or after a failure, takes over what was begun; then it is the earlier one that is told.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>

#include "base/clock.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_keeper.h"

namespace meshwarden {

// Movable. Blocking, for one thread at a time.
class Reservation {
 public:
  // At record.provisioned_at, which is now. `records` and `clock` must outlive it; the state of `record` is
  // of no account. Errors as RecordKeeper::Begin has them; nothing was changed then.
  static absl::StatusOr<Reservation> Make(RecordKeeper& records, const Clock& clock, AgentRecord record);

  // The agent has a credential: it was live before, and its record is left as it is.
  bool was_live() const { return was_live_; }

  // The agent is live from now on. Aborted: somebody else provisions the same agent and has taken over; it is
  // as yet unknown whether that succeeds. FailedPrecondition, NotFound: the record is not this agent's, or
  // not live, any more.
  absl::Status Complete();

  // Ends what failed with `why`, and returns that. `undo` is called if what has been made is nobody else's
  // yet: nobody else gets the identity before it has returned, and then it is as it was before. That is not
  // so for an agent that was live, for one that somebody else has taken over, or where the outcome of
  // something is not known: then everything stays, for the next attempt to complete, as the result says. What
  // could not be taken back is marked (left_in_part.h).
  //
  // `undo` must begin nothing at `until` or later, and fail if something is left then: the next attempt goes
  // on with what an interrupted one has left (CheckMayTakeUp).
  using UndoFunction = std::function<absl::Status(SystemTime until)>;
  absl::Status TakeBack(const absl::Status& why, const UndoFunction& undo);

 private:
  Reservation(RecordKeeper& records, const Clock& clock, StandingRecord standing, bool was_begun)
      : records_(&records),
        clock_(&clock),
        standing_(std::move(standing)),
        was_live_(standing_.record.state == RecordState::kLive),
        was_begun_(was_begun) {}

  absl::Status CheckStillLive() const;
  absl::Status Undo(const UndoFunction& undo);

  RecordKeeper* records_;
  const Clock* clock_;
  StandingRecord standing_;
  bool was_live_;
  bool was_begun_;  // by an earlier attempt
};

}  // namespace meshwarden
