#include "manager/daemon/waiting.h"

#include <chrono>
#include <string>

#include "base/status.h"
#include "endpoint/nats/retry_pace.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kBetweenAttempts{500};
// Without the word "ready", which scripts look for.
constexpr char kWaits[] = "waiting";

bool IsCurable(const absl::Status& status) {
  return !absl::IsInvalidArgument(status) && !absl::IsUnimplemented(status) && !absl::IsCancelled(status);
}

}  // namespace

absl::Status Waiting::Until(const std::function<absl::Status()>& step) {
  RetryPace pace(kBetweenAttempts);
  while (true) {
    if (told_.told()) return absl::CancelledError("told to stop");
    absl::Status status = step();
    if (status.ok() || !IsCurable(status)) return status;
    Tell(status);
    pace.Failed(/*refused=*/absl::IsPermissionDenied(status));
    if (told_.AwaitFor(pace.Wait(random_))) return absl::CancelledError("told to stop");
  }
}

void Waiting::Tell(const absl::Status& cause) {
  const std::string message = MessageOf(cause);
  if (!repeats_.Admit(kWaits, message, std::chrono::steady_clock::now()).has_value()) return;
  log_.Write(LogLevel::kWarn, kWaits, {{"for", message}});
}

}  // namespace meshwarden
