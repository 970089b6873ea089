// Configurations of streams and consumers, as the JetStream API speaks of them.
//
// Only the fields that this project sets are typed; `extra` keeps every other one, so that what was read from
// a broker can be sent back unharmed.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace meshwarden {

struct ConsumerConfig {
  std::string durable_name;    // empty for an ephemeral consumer, which has a `name`
  std::string name;            // empty: the durable's
  std::string deliver_policy;  // "new", "all", "by_start_sequence", …
  std::string ack_policy;      // "explicit", "none"
  std::chrono::nanoseconds ack_wait{0};
  // At most one of the two is used; both empty means every message of the stream, which the API layer
  // refuses.
  std::string filter_subject;
  std::vector<std::string> filter_subjects;
  Json extra = Json::object();

  // The filter, whichever field holds it.
  std::vector<std::string> Filters() const;
};

Json ToJson(const ConsumerConfig& config);
absl::StatusOr<ConsumerConfig> ConsumerConfigFromJson(const Json& json);

// The durables of a space, exactly as the peers make them. See spec: chat is deliver new and moves its
// filter_subjects; DM and role queue deliver all and keep theirs.
absl::StatusOr<ConsumerConfig> ChatDurableConfig(std::string_view space, std::string_view id,
                                                 std::span<const std::string> channels);
// The chat durable of one that is to read nothing.
ConsumerConfig ParkedChatDurableConfig(std::string_view space, std::string_view id);
ConsumerConfig DmDurableConfig(std::string_view space, std::string_view id);
ConsumerConfig TaskDurableConfig(std::string_view space, std::string_view role);

// The same durable made anew after it was lost: beginning with the message at `seq` or, if that is absent,
// with the first one since `time`.
struct DurableStart {
  std::optional<std::uint64_t> seq;
  std::chrono::system_clock::time_point time;
};
ConsumerConfig BeginningAt(ConsumerConfig config, const DurableStart& start);
// Whether it began that way.
bool WasMadeAnew(const ConsumerConfig& config);

// The same durable as an endpoint on an open server makes it for itself: the broker deletes it once nobody
// has used it for `inactive_threshold`.
ConsumerConfig AsOpenMode(ConsumerConfig config, std::chrono::nanoseconds ack_wait,
                          std::chrono::nanoseconds inactive_threshold);

// A short-lived pull consumer of what is stored on `filter`, from `start_seq` on or, if `since` is set, from
// that time on.
ConsumerConfig HistoryConsumerConfig(std::string_view name, std::string_view filter, std::uint64_t start_seq,
                                     std::optional<std::chrono::system_clock::time_point> since);

struct BucketWatchConfig {
  std::string bucket;
  std::string name;
  std::string deliver_subject;
  std::chrono::nanoseconds heartbeat{0};
  std::chrono::nanoseconds inactive_threshold{0};
};
// A short-lived push consumer of the whole bucket.
ConsumerConfig BucketWatchConsumerConfig(const BucketWatchConfig& watch);

// A stream's configuration is only written whole and compared, so it stays JSON.
struct StreamConfig {
  std::string name;
  Json json;  // as STREAM.CREATE takes it, `name` included
};

// The streams and buckets of a space: CHAT, DM, TASK, presence, channels, and ours for the agents' records.
std::vector<StreamConfig> SpaceStreams(std::string_view space, int replicas);

// True if every field of `wanted` stands in `actual` with the same value; what the broker added is ignored.
bool Contains(const Json& actual, const Json& wanted);

}  // namespace meshwarden
