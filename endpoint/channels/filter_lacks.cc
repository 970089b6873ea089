#include "endpoint/channels/filter_lacks.h"

#include <algorithm>
#include <utility>

namespace meshwarden {

void FilterLacks::Add(const std::string& channel, std::uint64_t since) {
  const auto [lack, added] = lacks_.try_emplace(channel, Lack{.since = since});
  if (!added) lack->second.since = std::min(lack->second.since, since);
}

std::optional<std::uint64_t> FilterLacks::Remove(std::string_view channel) {
  const auto found = lacks_.find(channel);
  if (found == lacks_.end()) return std::nullopt;
  const std::uint64_t since = found->second.since;
  lacks_.erase(found);
  return since;
}

bool FilterLacks::Contains(std::string_view channel) const { return lacks_.find(channel) != lacks_.end(); }

std::uint64_t FilterLacks::MissedAfter(std::string_view channel, std::uint64_t after) const {
  const auto found = lacks_.find(channel);
  return found == lacks_.end() ? after : std::min(after, found->second.since);
}

FilterLacks::Channels FilterLacks::Accept() {
  Channels added;
  for (auto& [channel, lack] : lacks_) {
    if (!std::exchange(lack.accepted, true)) added.push_back(channel);
  }
  return added;
}

void FilterLacks::WithdrawAcceptance() {
  for (auto& [channel, lack] : lacks_) lack.accepted = false;
}

bool FilterLacks::AllAccepted() const {
  return std::all_of(lacks_.begin(), lacks_.end(), [](const auto& entry) { return entry.second.accepted; });
}

FilterLacks::Channels FilterLacks::WithoutAccepted(Channels channels) const {
  std::erase_if(channels, [&](const std::string& channel) {
    const auto found = lacks_.find(channel);
    return found != lacks_.end() && found->second.accepted;
  });
  return channels;
}

FilterLacks::Channels FilterLacks::Without(Channels channels, std::string_view besides) const {
  std::erase_if(channels,
                [&](const std::string& channel) { return channel != besides && Contains(channel); });
  return channels;
}

void FilterLacks::ForgetPositions() {
  for (auto& [channel, lack] : lacks_) lack.since = 0;
}

}  // namespace meshwarden
