#include "endpoint/api/refusal_code.h"

#include <absl/strings/cord.h>

namespace meshwarden {
namespace {

constexpr char kPayload[] = "meshwarden/refusal_code";

}  // namespace

absl::Status WithRefusalCode(absl::Status status, std::string_view code) {
  if (!status.ok() && !code.empty()) status.SetPayload(kPayload, absl::Cord(std::string(code)));
  return status;
}

std::optional<std::string> RefusalCodeOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

}  // namespace meshwarden
