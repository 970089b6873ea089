#include "manager/cli/provision_outcome.h"

#include <fmt/format.h>

#include "base/status.h"
#include "provisioning/left_in_part.h"

namespace meshwarden {
namespace {

bool IsOutcomeUnknown(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status);
}

std::string AdviceOn(IdentityFate fate, const std::string& kept_in) {
  switch (fate) {
    case IdentityFate::kFree:
      break;
    case IdentityFate::kGoesOn:
      return fmt::format(". Its identity is kept in {}: the same command again goes on with it", kept_in);
    case IdentityFate::kOfNoUse:
      return fmt::format(". Its identity is kept in {}, which is of no use for this: choose another --out",
                         kept_in);
    case IdentityFate::kUncertain:
      return fmt::format(
          ". Nothing is known to have been made; the identity is kept in {}, and the next attempt takes it",
          kept_in);
  }
  return "";
}

}  // namespace

IdentityFate JudgeFailure(const absl::Status& why, const absl::StatusOr<AgentRecord>& record,
                          std::string_view agent) {
  // Whatever is read now: it may be written yet.
  if (IsOutcomeUnknown(why) || IsLeftInPart(why)) return IdentityFate::kGoesOn;
  if (absl::IsNotFound(record.status())) return IdentityFate::kFree;
  if (absl::IsDataLoss(record.status())) return IdentityFate::kOfNoUse;
  if (!record.ok()) return IdentityFate::kUncertain;
  const absl::Status same = CheckSameAgent(*record, agent);
  return same.ok() || absl::IsUnavailable(same) ? IdentityFate::kGoesOn : IdentityFate::kOfNoUse;
}

absl::Status WithAdvice(const absl::Status& why, IdentityFate fate, const std::string& kept_in) {
  if (kept_in.empty()) return why;
  return absl::Status(why.code(), MessageOf(why) + AdviceOn(fate, kept_in));
}

}  // namespace meshwarden
