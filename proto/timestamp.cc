#include "proto/timestamp.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/status.h"

namespace meshwarden {

absl::StatusOr<Timestamp> DecodeTimestamp(const Json& object) {
  constexpr std::int64_t kLargest = (std::int64_t{1} << 53) - 1;
  MW_ASSIGN_OR_RETURN(const std::int64_t count, RequiredInteger(object, "ts"));
  if (count < 0 || count > kLargest) {
    return absl::InvalidArgumentError("field \"ts\" must be milliseconds since 1970");
  }
  return Timestamp(std::chrono::milliseconds(count));
}

Json EncodeTimestamp(Timestamp timestamp) { return timestamp.time_since_epoch().count(); }

}  // namespace meshwarden
