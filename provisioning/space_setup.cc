#include "provisioning/space_setup.h"

#include "base/status.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "provisioning/agent_record.h"
#include "provisioning/record_bucket.h"
#include "provisioning/record_keys.h"

namespace meshwarden {
namespace {

// That the key is there is all that counts.
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
  setup.damaged.push_back(id);
  return absl::OkStatus();
}

// What lies under a bare id goes under the token, and a marker takes its place, so that whoever still looks
// there does not take it for today's. A record that is under the token already stands: it cannot be forged.
absl::Status MoveRecord(const RecordBucket& bucket, const RecordKeys& keys, const std::string& id,
                        SpaceSetup& setup) {
  MW_ASSIGN_OR_RETURN(const StoredKey stored, bucket.Get(id));
  if (!stored.value.has_value()) return absl::OkStatus();
  const absl::StatusOr<AgentRecord> record = DecodeAgentRecord(id, *stored.value);
  if (!record.ok()) return KeepDamaged(bucket, keys.Record(id), id, *stored.value, setup);
  MW_ASSIGN_OR_RETURN(const bool written,
                      bucket.Put(keys.Record(id), EncodeAgentRecord(*record), /*revision=*/0));
  if (written) ++setup.moved;
  return bucket.Delete(id);
}

absl::Status MoveRecords(const RecordBucket& bucket, const RecordKeys& keys, SpaceSetup& setup) {
  MW_ASSIGN_OR_RETURN(const std::vector<std::string> found, bucket.List("*"));
  for (const std::string& key : found) {
    if (IsEarlierRecordKey(key)) MW_RETURN_IF_ERROR(MoveRecord(bucket, keys, key, setup));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SpaceSetup> SetUpSpace(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets,
                                      int replicas) {
  SpaceSetup setup;
  MW_ASSIGN_OR_RETURN(const bool had_bucket, HasAgentBucket(api, space));
  MW_RETURN_IF_ERROR(Privileged(api, std::string(space)).CreateSpaceStreams(replicas));
  const RecordKeys keys(secrets.records);
  if (!keys.known()) return setup;
  const RecordBucket bucket(api, space);
  MW_ASSIGN_OR_RETURN(const StoredKey moved, bucket.Get(keys.Moved()));
  if (moved.revision != 0) return setup;
  if (had_bucket) MW_RETURN_IF_ERROR(MoveRecords(bucket, keys, setup));
  // Another run that came first has done the same.
  MW_RETURN_IF_ERROR(bucket.Put(keys.Moved(), kMovedValue, /*revision=*/0).status());
  return setup;
}

}  // namespace meshwarden
