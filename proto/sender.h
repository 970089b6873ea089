// Who a message or a request says it is from: {"id", "name"?, "role"?}.
//
// Only a claim: the sender's token in the subject, which the broker checks, decides whether it is so.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

struct Sender {
  std::string id;
  std::string name;  // empty if there is none
  std::optional<std::string> role;
  Json unknown = Json::object();  // fields that this version does not know

  bool operator==(const Sender&) const = default;
};

// Takes the sender out of `object`, where it stands under "from": it must be an object with a non-empty
// string `id`, and strings where `name` and `role` are given (null is not). InvalidArgument names the field
// that is not so.
absl::StatusOr<Sender> TakeSender(Json& object);
// Whether `object` says that it is from `id`: "from" is an object and its "id" is exactly that, whatever else
// is wrong with it. Nothing is from an empty id.
bool IsFrom(const Json& object, std::string_view id);
// The value of a "from" field.
Json EncodeSender(const Sender& sender);

}  // namespace meshwarden
