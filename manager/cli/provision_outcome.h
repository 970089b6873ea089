// What is to become of the identity of a provisioning that failed, and what to say of it. Rules only.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "provisioning/records/agent_record.h"

namespace meshwarden {

enum class IdentityFate {
  kFree,       // nothing stands for it: whoever tries again may take another one
  kGoesOn,     // it is begun, or may be: the same command again goes on with it
  kOfNoUse,    // it stands for something else, or for something that has ended
  kUncertain,  // nothing is known to stand for it, and that could not be asked
};

// `why`: how the provisioning of `agent` failed. `record`: what was read of the identity's record afterwards.
IdentityFate JudgeFailure(const absl::Status& why, const absl::StatusOr<AgentRecord>& record,
                          std::string_view agent);

// `why` with what to do about an identity that is kept in the file `kept_in`, outside any creds file; `why`
// as it is if `kept_in` is empty.
absl::Status WithAdvice(const absl::Status& why, IdentityFate fate, const std::string& kept_in);

}  // namespace meshwarden
