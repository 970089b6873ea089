// The channels that an agent starts with.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "policy/grants.h"

namespace meshwarden {

// The texts of `patterns`, each once, in their order.
std::vector<std::string> TextsOf(std::span<const ListedPattern> patterns);

// Where no set is named: of `preferred` those that `allowed` covers; if there are none, those of `own`
// without wildcards; if there are none, all of `own`. Never anything that `allowed` does not cover, provided
// that it covers `own`.
std::vector<std::string> ChooseBirthSet(std::span<const std::string> preferred, const Grants& allowed,
                                        std::span<const ListedPattern> own);

// Two channels of the set that share messages without one covering the other: no filter can hold both.
std::optional<std::pair<std::string, std::string>> FindUnresolvedOverlap(
    std::span<const std::string> channels);

}  // namespace meshwarden
