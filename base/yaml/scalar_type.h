// What a scalar without quotes means to YAML.
#pragma once

#include <string_view>

namespace meshwarden {

enum class ScalarType { kString, kNull, kBool, kNumber };

// As some reader of YAML 1.1 or 1.2 would take it: on, off, yes and no are truth values, 0x1F, 0o17, 1_000,
// 1.5e3 and .inf are numbers. What one reader takes for a string and another does not is no string here.
ScalarType TypeOfPlainScalar(std::string_view text);

}  // namespace meshwarden
