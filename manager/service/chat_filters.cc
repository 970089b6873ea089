#include "manager/service/chat_filters.h"

#include <functional>
#include <optional>
#include <utility>

#include "proto/channel_pattern.h"
#include "proto/names.h"

namespace meshwarden {

BrokerChatFilters::BrokerChatFilters(std::span<JetStreamApi* const> apis, std::string space)
    : space_(std::move(space)) {
  ways_.reserve(apis.size());
  for (JetStreamApi* api : apis) {
    ways_.push_back({.api = api, .privileged = Privileged(*api, space_)});
  }
}

BrokerChatFilters::Way& BrokerChatFilters::WayOf(const std::string& id) {
  return ways_[std::hash<std::string>{}(id) % ways_.size()];
}

void BrokerChatFilters::Move(const std::string& id, std::span<const std::string> channels,
                             std::function<void(absl::Status)> done) {
  if (listener_ == nullptr) return WayOf(id).privileged.SetChatFilterAsync(id, channels, std::move(done));
  const std::vector<std::string> wanted(channels.begin(), channels.end());
  WayOf(id).privileged.SetChatFilterAsync(
      id, channels,
      [&listener = *listener_, id, wanted, done = std::move(done)](absl::Status status) {
        if (status.ok()) listener.Confirmed(id, wanted);
        done(std::move(status));
      },
      [&listener = *listener_, id, wanted] { listener.Lost(id, wanted); });
}

void BrokerChatFilters::Read(const std::string& id,
                             std::function<void(absl::StatusOr<std::vector<std::string>>)> done) {
  WayOf(id).api->ConsumerInfoAsync(
      ChatStream(space_), ChatDurable(id),
      [space = space_, done = std::move(done)](absl::StatusOr<ConsumerInfo> info) {
        if (!info.ok()) {
          done(info.status());
          return;
        }
        std::vector<std::string> channels;
        for (const std::string& filter : info->config.Filters()) {
          if (std::optional<std::string> channel = ChannelOfFilter(space, filter)) {
            channels.push_back(*std::move(channel));
          }
        }
        done(std::move(channels));
      });
}

}  // namespace meshwarden
