#include "manager/watch/repeat_limit.h"

#include <utility>

namespace meshwarden {

std::optional<std::uint64_t> RepeatLimit::Admit(const std::string& thing, Time now) {
  const auto found = told_.find(thing);
  if (found != told_.end()) {
    Told& told = found->second;
    if (now - told.at < options_.interval) {
      ++told.held_back;
      return std::nullopt;
    }
    told.at = now;
    return std::exchange(told.held_back, 0);
  }
  if (told_.size() >= options_.max_things) {
    std::erase_if(told_, [&](const auto& entry) { return now - entry.second.at >= options_.interval; });
  }
  if (told_.size() >= options_.max_things) return std::nullopt;
  told_.emplace(thing, Told{.at = now});
  return 0;
}

}  // namespace meshwarden
