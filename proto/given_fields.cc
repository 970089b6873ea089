#include "proto/given_fields.h"

#include <nlohmann/json.hpp>

namespace meshwarden {

const Json* GivenField(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

absl::StatusOr<std::optional<std::string>> GivenString(const Json& object, const char* key) {
  if (GivenField(object, key) == nullptr) return std::nullopt;
  return OptionalString(object, key);
}

absl::StatusOr<std::optional<std::vector<std::string>>> GivenStrings(const Json& object, const char* key) {
  if (GivenField(object, key) == nullptr) return std::nullopt;
  return OptionalStrings(object, key);
}

}  // namespace meshwarden
