#include "endpoint/nats/permission_violation.h"

namespace meshwarden {

std::optional<PermissionViolation> ParsePermissionViolation(std::string_view text) {
  constexpr std::string_view kPublish = "Permissions Violation for Publish to \"";
  constexpr std::string_view kSubscribe = "Permissions Violation for Subscription to \"";
  PermissionViolation violation;
  if (text.starts_with(kPublish)) {
    text.remove_prefix(kPublish.size());
  } else if (text.starts_with(kSubscribe)) {
    violation.operation = PermissionViolation::Operation::kSubscribe;
    text.remove_prefix(kSubscribe.size());
  } else {
    return std::nullopt;
  }
  const auto end = text.find('"');
  violation.cut = end == std::string_view::npos;
  violation.subject = text.substr(0, end);
  if (violation.subject.empty()) return std::nullopt;
  return violation;
}

}  // namespace meshwarden
