// The code of a control service's refusal, carried along by the error that it becomes.
#pragma once

#include <absl/status/status.h>

#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

// `status`, an error, with the code that the service gave; as it is if that is empty.
absl::Status WithRefusalCode(absl::Status status, std::string_view code);
// The code that it carries, if it carries one.
std::optional<std::string> RefusalCodeOf(const absl::Status& status);

}  // namespace meshwarden
