// The fields of an object that this version does not know, kept apart so that they go out again as they came.
//
// Whoever sends an object chooses how many it has: all here is linear in them, and whatever is looked up once
// they are taken out is looked up among known fields only. Internal to proto.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

// Takes the fields whose keys are not `known` out of `object`, which must be one. They keep their order; an
// empty object if there are none.
Json TakeUnknownFields(Json& object, std::initializer_list<std::string_view> known);

// An object without fields that takes `known` fields, and then those of `unknown`, without having to copy
// what it holds in order to grow.
Json ObjectWithRoom(std::size_t known, const Json& unknown);

// Appends the fields of `unknown` to the object `target`, which wins where both have a key. An `unknown` that
// is not an object adds nothing.
void AppendUnknownFields(const Json& unknown, Json& target);

}  // namespace meshwarden
