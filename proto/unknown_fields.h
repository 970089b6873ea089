// The fields of an object that this version does not know, kept apart so that they go out again as they came.
// Internal to proto.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

// The fields of the object `from` whose keys are not `known`, in their order; an empty object if there are
// none.
Json UnknownFields(const Json& from, std::initializer_list<std::string_view> known);

// Appends the fields of `unknown` to the object `target`, which wins where both have a key. An `unknown` that
// is not an object adds nothing.
void AppendUnknownFields(const Json& unknown, Json& target);

}  // namespace meshwarden
