// What only a trusted party may do to a space: make its streams, make agents' durables, move chat filters,
// clear history, write the channel registry.
//
// Filters are built here from channel names, never from subjects that a caller supplies. Blocking forms for
// launchers and tools; the asynchronous move is for the manager. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/space/durable_upkeep.h"
#include "proto/registry.h"

namespace meshwarden {

class Privileged {
 public:
  // `api` must outlive this object.
  Privileged(JetStreamApi& api, std::string space);

  // Makes the streams and buckets that are missing. One that is there with another configuration is an error
  // that names the field, and is left alone.
  absl::Status CreateSpaceStreams(int replicas);

  // Durables are made if they are missing. One that is there keeps its place, and is compared whole and put
  // right or refused (durable_upkeep.h). InvalidArgument for an id or a role that is not one token of
  // [A-Za-z0-9_-].

  // `chat_<id>` reading `channels`, or what it reads already.
  absl::StatusOr<UpheldDurable> ProvisionChatDurable(std::string_view id,
                                                     std::span<const std::string> channels);
  struct ChatDurableWish {
    std::string_view id;
    std::vector<std::string> at_birth;  // channels of a new one
    // The channels that one with these filter subjects goes on reading.
    std::function<std::vector<std::string>(std::span<const std::string> filter_subjects)> keep;
    // Somebody rightly reads by it now: its filter is moved as it stands. Otherwise what it has in delivery,
    // beyond what it goes on reading, must not come to its next reader.
    bool in_use = false;
  };
  absl::StatusOr<UpheldDurable> ProvisionChatDurable(const ChatDurableWish& wish);
  absl::StatusOr<UpheldDurable> ProvisionDmInbox(std::string_view id);
  absl::StatusOr<UpheldDurable> ProvisionTaskQueue(std::string_view role);

  // Moves the filter of `chat_<id>` to `channels`. `done` gets OK only after the broker has confirmed exactly
  // these filters. NotFound: there is no such durable. DeadlineExceeded or Unavailable: the outcome was not
  // known and reading back did not show the new filter in time.
  // `lost`, which may be null, is called before `done` for each update whose answer did not come: it may be
  // carried out at any later time, whatever `done` says.
  void SetChatFilterAsync(std::string_view id, std::span<const std::string> channels,
                          std::function<void(absl::Status)> done, std::function<void()> lost = nullptr);
  // The same to a filter that lets nothing through (see ParkedChatSubject), for who may read nothing any
  // more.
  void ParkChatAsync(std::string_view id, std::function<void(absl::Status)> done);
  absl::Status SetChatFilterFor(std::string_view id, std::span<const std::string> channels);

  // Deletes the stored messages of all channels, or of one, and returns how many there were. InvalidArgument
  // for a channel that is not strict, or a pattern: a name that was read somewhere must not clear others.
  absl::StatusOr<std::uint64_t> ClearHistory();
  absl::StatusOr<std::uint64_t> ClearChannel(std::string_view channel);

  // The channel registry. InvalidArgument for a channel that is not strict and concrete, and for a record
  // that a reader would refuse. Removing one that is not there is fine.
  absl::Status SetChannelConfig(std::string_view channel, const ChannelConfig& config);
  absl::Status RemoveChannelConfig(std::string_view channel);
  absl::Status SetChannelDefaults(const ChannelDefaults& defaults);

 private:
  JetStreamApi& api_;
  std::string space_;
};

}  // namespace meshwarden
