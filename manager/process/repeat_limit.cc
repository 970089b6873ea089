#include "manager/process/repeat_limit.h"

#include <fmt/format.h>

#include <utility>

namespace meshwarden {

std::optional<std::uint64_t> RepeatLimit::Admit(std::string_view message, std::string_view of, Time now) {
  const std::string thing = fmt::format("{} {}", message, of);
  if (things_.contains(thing) || HasRoom(now)) return AdmitOf(things_, thing, now);
  return AdmitOf(messages_, std::string(message), now);
}

bool RepeatLimit::HasRoom(Time now) {
  if (things_.size() >= options_.max_things) {
    std::erase_if(things_, [&](const auto& entry) { return now - entry.second.at >= options_.interval; });
  }
  return things_.size() < options_.max_things;
}

std::optional<std::uint64_t> RepeatLimit::AdmitOf(ToldOf& told_of, const std::string& thing, Time now) const {
  const auto [found, is_new] = told_of.try_emplace(thing, Told{.at = now});
  if (is_new) return 0;
  Told& told = found->second;
  if (now - told.at < options_.interval) {
    ++told.held_back;
    return std::nullopt;
  }
  told.at = now;
  return std::exchange(told.held_back, 0);
}

}  // namespace meshwarden
