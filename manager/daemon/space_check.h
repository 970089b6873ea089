// Whether the streams and buckets of a space are there, and as they must be for it to work.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

struct SpaceState {
  std::vector<std::string> missing;  // names of streams; a bucket's begins with "KV_"
  std::vector<std::string> wrong;    // "CHAT_main: retention is …", where messages would go astray
  std::string chat_made;             // when the chat stream was made, as the broker wrote it
};

// Looks by the rights of profile mover, which show all but the presence bucket; a mover of an earlier
// version, without secret tokens, sees the streams of chat and tasks and the bucket of records only.
// Blocking. Errors are the broker's: then nothing is known.
absl::StatusOr<SpaceState> CheckSpace(JetStreamApi& api, std::string_view space, const SpaceSecrets& secrets);

// What is amiss, and what to do, in one sentence; empty if nothing is.
std::string ProblemOf(const SpaceState& state);

}  // namespace meshwarden
