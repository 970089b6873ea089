// The mark of a provisioning that failed and could not be taken back: something of it stands.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/cord.h>

#include <utility>

namespace meshwarden {

inline constexpr char kLeftInPartMark[] = "meshwarden/left-in-part";

// `status` with the mark. What is made of its message alone (Annotate) has none.
inline absl::Status LeftInPart(absl::Status status) {
  status.SetPayload(kLeftInPartMark, absl::Cord());
  return status;
}

inline bool IsLeftInPart(const absl::Status& status) {
  return status.GetPayload(kLeftInPartMark).has_value();
}

}  // namespace meshwarden
