// Making a space on its broker: the streams and buckets that are missing, and the move of agents' records
// under the space's secret token.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

struct SpaceSetup {
  std::size_t moved = 0;             // records of an earlier version that lie under the token now
  std::vector<std::string> damaged;  // ids of those that could not be read, and stay damaged under the token
};

// Takes the rights of profile setup. `secrets`: those that the credential behind `api` holds; with none, what
// lies in the buckets stays where it is.
//
// Where records were moved once, or where there was no bucket to hold any, nothing under a bare id is looked
// at: it can be anybody's. What is written there until the mark of the move stands is moved. Repeating it is
// fine, also when it was killed half way. Blocking. Errors as Privileged::CreateSpaceStreams and RecordBucket
// have them. Aborted: there was no bucket, and then one with something in it; nothing has been moved.
absl::StatusOr<SpaceSetup> SetUpSpace(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets,
                                      int replicas);

}  // namespace meshwarden
