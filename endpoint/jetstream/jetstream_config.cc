#include "endpoint/jetstream/jetstream_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::chrono::seconds kAckWait{60};
constexpr std::chrono::seconds kDuplicateWindow{120};
constexpr std::chrono::seconds kPresenceTtl{6};
constexpr int kChatMessagesPerSubject = 1000;
constexpr std::chrono::seconds kHistoryThreshold{30};
constexpr std::string_view kByStartSequence = "by_start_sequence";
constexpr std::string_view kByStartTime = "by_start_time";

// Takes the string `key` out of `object`; empty if it is not there.
absl::StatusOr<std::string> TakeString(Json& object, const char* key) {
  MW_ASSIGN_OR_RETURN(std::optional<std::string> value, OptionalString(object, key));
  object.erase(key);
  return value.value_or("");
}

ConsumerConfig DurableConfig(std::string name, const char* deliver_policy) {
  ConsumerConfig config;
  config.durable_name = std::move(name);
  config.deliver_policy = deliver_policy;
  config.ack_policy = "explicit";
  config.ack_wait = kAckWait;
  return config;
}

// `time` as the API takes it, to the nanosecond; a time before 1970 is 1970.
std::string Rfc3339(std::chrono::system_clock::time_point time) {
  using std::chrono::floor;
  const auto since_epoch = std::max(time.time_since_epoch(), std::chrono::system_clock::duration::zero());
  const std::chrono::sys_time<std::chrono::nanoseconds> exact{since_epoch};
  const auto day = floor<std::chrono::days>(exact);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::nanoseconds> clock(exact - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

// What all streams of a space have in common.
Json StreamBase(const std::string& name, std::string subjects, const char* discard, int replicas) {
  return {{"name", name},
          {"subjects", {std::move(subjects)}},
          {"retention", "limits"},
          {"max_consumers", -1},
          {"max_msgs", -1},
          {"max_bytes", -1},
          {"max_age", 0},
          {"max_msgs_per_subject", -1},
          {"max_msg_size", -1},
          {"discard", discard},
          {"storage", "file"},
          {"num_replicas", replicas},
          {"duplicate_window", std::chrono::nanoseconds(kDuplicateWindow).count()},
          {"allow_direct", false},
          {"mirror_direct", false},
          {"deny_delete", false},
          {"deny_purge", false},
          {"allow_rollup_hdrs", false}};
}

StreamConfig MessageStream(std::string name, std::string subjects, int replicas) {
  Json json = StreamBase(name, std::move(subjects), "old", replicas);
  return {.name = std::move(name), .json = std::move(json)};
}

StreamConfig Bucket(std::string_view bucket, int replicas) {
  const std::string name = BucketStream(bucket);
  Json json = StreamBase(name, BucketSubject(bucket, ">"), "new", replicas);
  json["max_msgs_per_subject"] = 1;
  json["allow_direct"] = true;
  json["allow_rollup_hdrs"] = true;
  return {.name = name, .json = std::move(json)};
}

}  // namespace

std::vector<std::string> ConsumerConfig::Filters() const {
  return filter_subject.empty() ? filter_subjects : std::vector<std::string>{filter_subject};
}

Json ToJson(const ConsumerConfig& config) {
  Json json = Json::object();
  if (!config.durable_name.empty()) json["durable_name"] = config.durable_name;
  if (!config.name.empty()) json["name"] = config.name;
  if (!config.deliver_policy.empty()) json["deliver_policy"] = config.deliver_policy;
  if (!config.ack_policy.empty()) json["ack_policy"] = config.ack_policy;
  if (config.ack_wait.count() != 0) json["ack_wait"] = config.ack_wait.count();
  if (!config.filter_subject.empty()) json["filter_subject"] = config.filter_subject;
  if (!config.filter_subjects.empty()) json["filter_subjects"] = config.filter_subjects;
  json.update(config.extra);
  return json;
}

absl::StatusOr<ConsumerConfig> ConsumerConfigFromJson(const Json& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("a consumer's configuration is not an object");
  ConsumerConfig config;
  config.extra = json;
  MW_ASSIGN_OR_RETURN(config.durable_name, TakeString(config.extra, "durable_name"));
  MW_ASSIGN_OR_RETURN(config.name, TakeString(config.extra, "name"));
  MW_ASSIGN_OR_RETURN(config.deliver_policy, TakeString(config.extra, "deliver_policy"));
  MW_ASSIGN_OR_RETURN(config.ack_policy, TakeString(config.extra, "ack_policy"));
  MW_ASSIGN_OR_RETURN(config.filter_subject, TakeString(config.extra, "filter_subject"));
  MW_ASSIGN_OR_RETURN(auto filters, OptionalStrings(config.extra, "filter_subjects"));
  config.extra.erase("filter_subjects");
  config.filter_subjects = std::move(filters).value_or(std::vector<std::string>{});
  if (config.extra.contains("ack_wait")) {
    MW_ASSIGN_OR_RETURN(const std::int64_t ack_wait, RequiredInteger(config.extra, "ack_wait"));
    config.ack_wait = std::chrono::nanoseconds(ack_wait);
    config.extra.erase("ack_wait");
  }
  return config;
}

absl::StatusOr<ConsumerConfig> ChatDurableConfig(std::string_view space, std::string_view id,
                                                 std::span<const std::string> channels) {
  ConsumerConfig config = DurableConfig(ChatDurable(id), "new");
  MW_ASSIGN_OR_RETURN(config.filter_subjects, ChatFilterSubjects(space, channels));
  return config;
}

ConsumerConfig ParkedChatDurableConfig(std::string_view space, std::string_view id) {
  ConsumerConfig config = DurableConfig(ChatDurable(id), "new");
  config.filter_subjects = {ParkedChatSubject(space)};
  return config;
}

ConsumerConfig DmDurableConfig(std::string_view space, std::string_view id) {
  ConsumerConfig config = DurableConfig(DmDurable(id), "all");
  config.filter_subject = UnicastSubject(space, id, "*");
  return config;
}

ConsumerConfig TaskDurableConfig(std::string_view space, std::string_view role) {
  ConsumerConfig config = DurableConfig(TaskDurable(role), "all");
  config.filter_subject = AnycastSubject(space, role, "*");
  return config;
}

ConsumerConfig BeginningAt(ConsumerConfig config, const DurableStart& start) {
  config.deliver_policy = start.seq.has_value() ? kByStartSequence : kByStartTime;
  if (start.seq.has_value()) {
    // The broker takes 0 for a start that is missing.
    config.extra["opt_start_seq"] = std::max<std::uint64_t>(*start.seq, 1);
  } else {
    config.extra["opt_start_time"] = Rfc3339(start.time);
  }
  return config;
}

bool WasMadeAnew(const ConsumerConfig& config) {
  return config.deliver_policy == kByStartSequence || config.deliver_policy == kByStartTime;
}

ConsumerConfig AsOpenMode(ConsumerConfig config, std::chrono::nanoseconds ack_wait,
                          std::chrono::nanoseconds inactive_threshold) {
  config.ack_wait = ack_wait;
  config.extra["inactive_threshold"] = inactive_threshold.count();
  return config;
}

ConsumerConfig HistoryConsumerConfig(std::string_view name, std::string_view filter, std::uint64_t start_seq,
                                     std::optional<std::chrono::system_clock::time_point> since) {
  ConsumerConfig config;
  config.name = std::string(name);
  config.ack_policy = "none";
  config.filter_subject = std::string(filter);
  config.extra = {{"mem_storage", true},
                  {"inactive_threshold", std::chrono::nanoseconds(kHistoryThreshold).count()}};
  if (since.has_value()) return BeginningAt(std::move(config), {.seq = std::nullopt, .time = *since});
  return BeginningAt(std::move(config), {.seq = start_seq, .time = {}});
}

ConsumerConfig BucketWatchConsumerConfig(const BucketWatchConfig& watch) {
  ConsumerConfig config;
  config.name = watch.name;
  config.deliver_policy = "last_per_subject";
  config.ack_policy = "none";
  config.filter_subject = BucketSubject(watch.bucket, ">");
  config.extra = {{"deliver_subject", watch.deliver_subject},
                  {"flow_control", true},
                  {"idle_heartbeat", watch.heartbeat.count()},
                  {"inactive_threshold", watch.inactive_threshold.count()},
                  {"mem_storage", true},
                  {"num_replicas", 1},
                  {"max_deliver", 1}};
  return config;
}

std::vector<StreamConfig> SpaceStreams(std::string_view space, int replicas) {
  const std::string prefix = SpacePrefix(space);
  StreamConfig chat = MessageStream(ChatStream(space), prefix + ".chat.>", replicas);
  chat.json["max_msgs_per_subject"] = kChatMessagesPerSubject;
  chat.json["allow_direct"] = true;
  StreamConfig dm = MessageStream(DmStream(space), prefix + ".inst.>", replicas);
  StreamConfig task = MessageStream(TaskStream(space), prefix + ".svc.>", replicas);
  task.json["retention"] = "workqueue";
  StreamConfig presence = Bucket(PresenceBucket(space), replicas);
  presence.json["max_age"] = std::chrono::nanoseconds(kPresenceTtl).count();
  presence.json["duplicate_window"] = std::chrono::nanoseconds(kPresenceTtl).count();
  StreamConfig channels = Bucket(ChannelBucket(space), replicas);
  // Ours alone: nobody needs to read it without asking its leader, or to roll it up.
  StreamConfig agents = Bucket(AgentBucket(space), replicas);
  agents.json["allow_direct"] = false;
  agents.json["allow_rollup_hdrs"] = false;
  return {std::move(chat),     std::move(dm),       std::move(task),
          std::move(presence), std::move(channels), std::move(agents)};
}

bool Contains(const Json& actual, const Json& wanted) {
  if (!wanted.is_object() || !actual.is_object()) return actual == wanted;
  return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& field) {
    const auto found = actual.find(field.key());
    return found != actual.end() && Contains(*found, field.value());
  });
}

}  // namespace meshwarden
