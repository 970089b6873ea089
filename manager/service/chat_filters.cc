#include "manager/service/chat_filters.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

#include "base/text/printable.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {

namespace {

absl::StatusOr<std::vector<std::string>> ChannelsOf(const std::string& space,
                                                    const std::vector<std::string>& filters) {
  if (filters.empty()) return absl::DataLossError("it has no filter, and so reads every message");
  std::vector<std::string> channels;
  for (const std::string& filter : filters) {
    if (filter == ParkedChatSubject(space)) continue;  // reads nothing
    std::optional<std::string> channel = ChannelOfFilter(space, filter);
    if (!channel.has_value()) {
      return absl::DataLossError(fmt::format("its filter {} is none of this space's chat", Quoted(filter)));
    }
    channels.push_back(*std::move(channel));
  }
  return channels;
}

}  // namespace

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
        done(ChannelsOf(space, info->config.Filters()));
      });
}

}  // namespace meshwarden
