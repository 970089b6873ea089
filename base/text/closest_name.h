// "Did you mean ...?": the known name that a misspelt one was likely meant to be.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace meshwarden {

// The candidate closest to `name` by insertions, deletions, changes and swaps of neighbours; nothing if none
// is close (a third of the name, at most 3 edits). Upper and lower case, '_' and '-' hardly count, so that
// allow_subscribe finds allowSubscribe. Of equals the first.
std::optional<std::string_view> ClosestName(std::string_view name,
                                            std::span<const std::string_view> candidates);

// "did you mean X?", or nothing.
std::string DidYouMean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace meshwarden
