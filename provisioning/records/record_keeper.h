// Reading and writing agents' records where they lie in a space.
//
// A credential that holds the space's secret token finds them under it, where nobody writes who does not know
// it. What an earlier version of the space wrote lies under the bare ids until `space setup` has moved it
// (space_setup.h): until then an id that has no record under the token is looked up there too, and never
// afterwards. A credential without the token, of a space of an earlier version, works with the bare ids, and
// with nothing at all once they have been moved.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "endpoint/jetstream/jetstream_api.h"
#include "provisioning/minting/space_secrets.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_bucket.h"
#include "provisioning/records/record_keys.h"

namespace meshwarden {

// Where the records of a space are, to one who holds a certain credential.
enum class RecordLayout {
  kSecret,      // under the token only
  kUnmoved,     // under the token and, as long as nothing has been moved, under the bare ids
  kEarlier,     // under the bare ids
  kOutOfReach,  // under a token that this credential does not know
};

// A record as this process has written or met it, and what a write must name to replace it.
struct StandingRecord {
  AgentRecord record;
  std::uint64_t revision = 0;
};

// Thread-safe. Must outlive every call in flight.
class RecordKeeper {
 public:
  // `api` must outlive this object. `secrets`: those that the credential behind `api` holds, or none.
  RecordKeeper(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets);

  // FailedPrecondition: the space has no bucket for records.
  absl::StatusOr<RecordLayout> FindLayout();

  // The record of `id`, whatever its state. NotFound: there is none. DataLoss: there is one, and it is
  // damaged. InvalidArgument: `id` is no user nkey. PermissionDenied: the records are out of reach, or the
  // rights do not suffice. Unavailable, DeadlineExceeded, FailedPrecondition, Internal: as RecordBucket has
  // them; whether there is one is not known. `done` runs on the connection's threads, or at once.
  void ReadAsync(std::string_view id, std::function<void(absl::StatusOr<AgentRecord>)> done);
  absl::StatusOr<AgentRecord> Read(std::string_view id);

  // Writes it where there is none, or one of the same agent that was begun and is not live, also if it was
  // left half taken back (CheckMayTakeUp, at `provisioned_at`), which is then the writer's. A live one of the
  // same agent is left as it is, and returned. FailedPrecondition if the id is recorded as another agent, or
  // in another state; Unavailable while it is taken back; nothing is written over a damaged one. Two writers
  // at once: one wins, the other hears of it as if it had come later. PermissionDenied also if records moved
  // while one without the token wrote: it is to write again as one who holds it.
  absl::StatusOr<StandingRecord> Begin(const AgentRecord& record);
  // Writes `record` in the place of what stands. Aborted: it stands no more, somebody else has written since.
  absl::StatusOr<StandingRecord> Replace(const StandingRecord& standing, const AgentRecord& record);
  // Makes the id free. Aborted as above.
  absl::Status Remove(const StandingRecord& standing);

 private:
  using Done = std::function<void(absl::StatusOr<AgentRecord>)>;

  // The key that records are written under.
  std::string KeyOf(std::string_view id) const;
  void ReadKey(const std::string& key, const std::string& id, Done done);
  // Under the bare id, as long as that counts.
  void ReadEarlier(const std::string& id, Done done);
  void ReadUnmoved(const std::string& id, Done done);
  // Whether nothing under bare ids counts any more, to one with this token, or with none.
  void AskMoved(std::function<void(absl::StatusOr<bool>)> done);
  // Nothing if somebody else wrote in between.
  absl::StatusOr<std::optional<StandingRecord>> TryBegin(const AgentRecord& record);
  absl::Status CheckStillCounts(const std::string& id);
  // Until the records have moved, one who holds the token and one who doesn't write under two keys. An error
  // if somebody else's record stands under the other one; then what was written is withdrawn.
  absl::Status YieldToAnother(const StandingRecord& standing);
  absl::Status YieldToEarlier(const StandingRecord& standing);
  absl::Status YieldToAnyToken(const StandingRecord& standing);

  const RecordBucket bucket_;
  const RecordKeys keys_;
  std::atomic<bool> moved_ = false;  // under our token; once true, true for good
};

}  // namespace meshwarden
