#include "endpoint/channels/filter_channels.h"

#include <optional>
#include <utility>

#include "proto/channel_pattern.h"
#include "proto/subject.h"

namespace meshwarden {

FilterChannels ReadFilter(std::string_view space, const ConsumerConfig& durable) {
  FilterChannels read;
  const std::vector<std::string> filters = durable.Filters();
  if (filters.empty()) read.unreadable.emplace_back("everything");
  for (const std::string& filter : filters) {
    if (filter == ParkedChatSubject(space)) continue;
    std::optional<std::string> channel = ChannelOfFilter(space, filter);
    if (channel.has_value()) {
      read.channels.push_back(*std::move(channel));
    } else {
      read.unreadable.push_back(filter);
    }
  }
  return read;
}

}  // namespace meshwarden
