// The names that a message calls out.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace meshwarden {

// `mentions` trimmed and in lower case, without the empty ones and without repetitions; the first of equals
// keeps its place. An empty result means that a message has no such field.
std::vector<std::string> NormalizeMentions(std::span<const std::string> mentions);

}  // namespace meshwarden
