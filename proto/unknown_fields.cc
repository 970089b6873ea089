#include "proto/unknown_fields.h"

#include <algorithm>

namespace meshwarden {

Json UnknownFields(const Json& from, std::initializer_list<std::string_view> known) {
  Json unknown = Json::object();
  for (const auto& [key, value] : from.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) unknown[key] = value;
  }
  return unknown;
}

void AppendUnknownFields(const Json& unknown, Json& target) {
  if (!unknown.is_object()) return;
  for (const auto& [key, value] : unknown.items()) {
    if (!target.contains(key)) target[key] = value;
  }
}

}  // namespace meshwarden
