#include "endpoint/nats/link/nats_handles.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace meshwarden {
namespace {

absl::StatusCode CodeOf(natsStatus status) {
  switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return absl::StatusCode::kPermissionDenied;
    case NATS_TIMEOUT:
      return absl::StatusCode::kDeadlineExceeded;
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_QUEUE_NAME:
    case NATS_ADDRESS_MISSING:
    case NATS_MAX_PAYLOAD:
      return absl::StatusCode::kInvalidArgument;
    case NATS_NO_MEMORY:
    case NATS_INSUFFICIENT_BUFFER:
    case NATS_SLOW_CONSUMER:
      return absl::StatusCode::kResourceExhausted;
    case NATS_SECURE_CONNECTION_WANTED:
    case NATS_SECURE_CONNECTION_REQUIRED:
    case NATS_SSL_ERROR:
    case NATS_NO_SERVER_SUPPORT:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

// The library puts the place in its own source in front: "(conn.c:1946): ".
std::string_view WithoutPlace(std::string_view detail) {
  const std::size_t end = detail.find("): ");
  return detail.starts_with('(') && end != std::string_view::npos ? detail.substr(end + 3) : detail;
}

}  // namespace

absl::Status StatusOfNats(natsStatus status, std::string_view what) {
  if (status == NATS_OK) return absl::OkStatus();
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  if (last != status || detail == nullptr || *detail == '\0') {
    return absl::Status(CodeOf(status), fmt::format("{}: {}", what, natsStatus_GetText(status)));
  }
  return absl::Status(CodeOf(status),
                      fmt::format("{}: {} ({})", what, natsStatus_GetText(status), WithoutPlace(detail)));
}

}  // namespace meshwarden
