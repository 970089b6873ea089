// Errors as values: every fallible function of ours returns absl::Status or absl::StatusOr.
//
// A message says what failed, where, and what to do about it, so that a stranger can act on it. Messages are
// put together with fmt::format; Debian 12's absl string functions do not take std::string_view.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>

namespace meshwarden {

// The message of `status` as a string of its own; empty for OK.
std::string MessageOf(const absl::Status& status);

// The same error with "`context`: " put before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace meshwarden

// Returns from the enclosing function with the error, if `expression` (an absl::Status) is one.
#define MW_RETURN_IF_ERROR(expression)                            \
  do {                                                            \
    if (absl::Status mw_status = (expression); !mw_status.ok()) { \
      return mw_status;                                           \
    }                                                             \
  } while (false)

// Assigns the value of `expression` (an absl::StatusOr) to `target`, or returns with its error.
#define MW_ASSIGN_OR_RETURN(target, expression) \
  MW_ASSIGN_OR_RETURN_IMPL(MW_CONCAT(mw_statusor_, __LINE__), target, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): two of them are declared, and stand in no expression
#define MW_ASSIGN_OR_RETURN_IMPL(temporary, target, expression) \
  auto temporary = (expression);                                \
  if (!temporary.ok()) {                                        \
    return std::move(temporary).status();                       \
  }                                                             \
  target = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)
#define MW_CONCAT(a, b) MW_CONCAT_IMPL(a, b)
#define MW_CONCAT_IMPL(a, b) a##b
