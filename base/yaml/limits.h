// Bounds on a YAML file. Each is checked while reading; what is past one is refused with a message that names
// it.
#pragma once

#include <cstddef>

namespace meshwarden {

inline constexpr std::size_t kMaxYamlFileBytes = 8 << 20;
inline constexpr std::size_t kMaxYamlDepth = 16;         // mappings and lists within each other
inline constexpr std::size_t kMaxYamlNodes = 1'000'000;  // of a file

// Reported problems; a file with more has the first of them fixed first.
inline constexpr std::size_t kMaxSourceProblems = 100;

}  // namespace meshwarden
