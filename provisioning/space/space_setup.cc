#include "provisioning/space/space_setup.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/status.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/records/record_bucket.h"
#include "provisioning/records/record_keys.h"

namespace meshwarden {
namespace {

// To all others it counts only that the key is there. Ending: what was written under bare ids since they were
// listed, and before this, is to be moved yet.
constexpr std::string_view kEndingValue = R"({"v":2,"ending":true})";
constexpr std::string_view kMovedValue = R"({"v":2})";

absl::StatusOr<bool> HasAgentBucket(JetStreamApi& api, std::string_view space) {
  const absl::Status found = api.GetStream(BucketStream(AgentBucket(space))).status();
  if (HasJsError(found, JsError::kStreamNotFound)) return false;
  MW_RETURN_IF_ERROR(found);
  return true;
}

// A damaged record goes under the token as it is: damaged there too, so that its id is not free for another
// agent. What lies under the bare id stays there, for whoever wants to look at it, and for the next run to
// name.
absl::Status KeepDamaged(const RecordBucket& bucket, const std::string& key, const std::string& id,
                         const std::string& value, SpaceSetup& setup) {
  MW_ASSIGN_OR_RETURN(const bool written, bucket.Put(key, value, /*revision=*/0));
  if (!written) {
    // Of a run that was stopped, or a record that stands and makes up for the damaged one.
    MW_ASSIGN_OR_RETURN(const StoredKey there, bucket.Get(key));
    if (!there.value.has_value() || DecodeAgentRecord(id, *there.value).ok()) return absl::OkStatus();
  }
  if (std::find(setup.damaged.begin(), setup.damaged.end(), id) == setup.damaged.end()) {
    setup.damaged.push_back(id);
  }
  return absl::OkStatus();
}

// What lies under a bare id, if it was written before `end`, goes under the token, and a marker takes its
// place, so that whoever still looks there does not take it for today's. A record that is under the token
// already stands: it cannot be forged.
absl::Status MoveRecord(const RecordBucket& bucket, const RecordKeys& keys, const std::string& id,
                        std::uint64_t end, SpaceSetup& setup) {
  MW_ASSIGN_OR_RETURN(const StoredKey stored, bucket.Get(id));
  if (!stored.value.has_value() || stored.revision >= end) return absl::OkStatus();
  const absl::StatusOr<AgentRecord> record = DecodeAgentRecord(id, *stored.value);
  if (!record.ok()) return KeepDamaged(bucket, keys.Record(id), id, *stored.value, setup);
  MW_ASSIGN_OR_RETURN(const bool written,
                      bucket.Put(keys.Record(id), EncodeAgentRecord(*record), /*revision=*/0));
  if (written) ++setup.moved;
  return bucket.Delete(id);
}

absl::Status MoveRecords(const RecordBucket& bucket, const RecordKeys& keys, std::uint64_t end,
                         SpaceSetup& setup) {
  MW_ASSIGN_OR_RETURN(const std::vector<std::string> found, bucket.List("*"));
  for (const std::string& key : found) {
    if (IsEarlierRecordKey(key)) MW_RETURN_IF_ERROR(MoveRecord(bucket, keys, key, end, setup));
  }
  return absl::OkStatus();
}

// Moves what there is, sets the mark, and moves what came in between: whoever writes under a bare id looks
// for the mark afterwards, so either that one hears of the move or the record is found here. Where the mark
// cannot be set or replaced, another run has done the same.
absl::Status Move(const RecordBucket& bucket, const RecordKeys& keys, StoredKey mark, SpaceSetup& setup) {
  if (mark.revision == 0) {
    MW_RETURN_IF_ERROR(MoveRecords(bucket, keys, std::numeric_limits<std::uint64_t>::max(), setup));
    MW_RETURN_IF_ERROR(bucket.Put(keys.Moved(), kEndingValue, /*revision=*/0).status());
    MW_ASSIGN_OR_RETURN(mark, bucket.Get(keys.Moved()));
  }
  if (mark.value != kEndingValue) return absl::OkStatus();
  MW_RETURN_IF_ERROR(MoveRecords(bucket, keys, mark.revision, setup));
  return bucket.Put(keys.Moved(), kMovedValue, mark.revision).status();
}

}  // namespace

absl::StatusOr<SpaceSetup> SetUpSpace(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets,
                                      int replicas) {
  SpaceSetup setup;
  MW_ASSIGN_OR_RETURN(const bool had_bucket, HasAgentBucket(api, space));
  MW_RETURN_IF_ERROR(Privileged(api, std::string(space)).CreateSpaceStreams(replicas));
  const RecordKeys keys(secrets.records);
  if (!keys.known()) return setup;
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, api.GetStream(BucketStream(AgentBucket(space))));
  const RecordBucket bucket(api, space);
  MW_ASSIGN_OR_RETURN(const StoredKey mark, bucket.Get(keys.Moved()));
  if (mark.revision != 0 || had_bucket) {
    MW_RETURN_IF_ERROR(Move(bucket, keys, mark, setup));
    return setup;
  }
  // A broker that is about to start may not know of the bucket yet.
  if (stream.last_seq != 0) {
    return absl::AbortedError(
        "the bucket of agents' records was said to be missing, and holds something; run "
        "`meshwarden space setup` again");
  }
  MW_RETURN_IF_ERROR(bucket.Put(keys.Moved(), kMovedValue, /*revision=*/0).status());
  return setup;
}

}  // namespace meshwarden
