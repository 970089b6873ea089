#include "proto/timestamp.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/status.h"

namespace meshwarden {

namespace {

constexpr std::int64_t kLargest = (std::int64_t{1} << 53) - 1;  // a double holds it exactly

absl::Status OutOfRange() {
  return absl::InvalidArgumentError("field \"ts\" must be milliseconds since 1970");
}

absl::StatusOr<Timestamp> FromFraction(double milliseconds) {
  const double whole = std::trunc(milliseconds);
  // Only what an integer holds may be converted to one. Not a number is in no range.
  const bool in_range = whole >= 0 && whole <= static_cast<double>(kLargest);
  if (!in_range) return OutOfRange();
  return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(whole)));
}

}  // namespace

absl::StatusOr<Timestamp> DecodeTimestamp(const Json& object) {
  if (const auto ts = object.find("ts"); ts != object.end() && ts->is_number_float()) {
    return FromFraction(ts->get<double>());
  }
  MW_ASSIGN_OR_RETURN(const std::int64_t count, RequiredInteger(object, "ts"));
  if (count < 0 || count > kLargest) return OutOfRange();
  return Timestamp(std::chrono::milliseconds(count));
}

Json EncodeTimestamp(Timestamp timestamp) { return timestamp.time_since_epoch().count(); }

}  // namespace meshwarden
