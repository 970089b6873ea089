// The server's words for "you may not do that".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

struct PermissionViolation {
  enum class Operation { kPublish, kSubscribe };
  Operation operation = Operation::kPublish;
  std::string subject;
  bool cut = false;  // the library kept only the subject's beginning

  bool operator==(const PermissionViolation&) const = default;
};

// Reads `Permissions Violation for Publish to "<subject>"` and its like for subscriptions; nothing for any
// other text.
std::optional<PermissionViolation> ParsePermissionViolation(std::string_view text);

}  // namespace meshwarden
