#include "endpoint/space/durable_start.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "endpoint/jetstream/broker_time.h"

namespace meshwarden {
namespace {

using std::chrono::system_clock;

// 2.10 calls the floor 0 until the first acknowledgement, wherever the durable began; later servers begin
// with the place before that.
bool TellsFloor(const ConsumerInfo& info) {
  return info.ack_floor_consumer_seq > 0 || info.ack_floor_stream_seq > 0 ||
         info.config.deliver_policy == "all";
}

std::optional<std::uint64_t> StartSequenceOf(const ConsumerConfig& config) {
  const auto found = config.extra.find("opt_start_seq");
  if (config.deliver_policy != "by_start_sequence" || found == config.extra.end()) return std::nullopt;
  if (!found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

std::optional<system_clock::time_point> TimeOf(std::string_view text) {
  const std::optional<std::uint64_t> count = NanosecondsOf(text);
  if (!count.has_value()) return std::nullopt;
  const std::chrono::nanoseconds since_epoch(static_cast<std::int64_t>(*count));
  return system_clock::time_point(std::chrono::floor<system_clock::duration>(since_epoch));
}

std::optional<system_clock::time_point> StartTimeOf(const ConsumerConfig& config) {
  const auto found = config.extra.find("opt_start_time");
  if (config.deliver_policy != "by_start_time" || found == config.extra.end()) return std::nullopt;
  if (!found->is_string()) return std::nullopt;
  return TimeOf(found->get_ref<const std::string&>());
}

}  // namespace

DurableStart StartBehind(const ConsumerInfo& replaced, system_clock::time_point now,
                         std::chrono::nanoseconds ack_wait) {
  if (TellsFloor(replaced)) return {.seq = replaced.ack_floor_stream_seq + 1, .time = {}};
  if (const auto seq = StartSequenceOf(replaced.config)) return {.seq = *seq, .time = {}};
  if (const auto time = StartTimeOf(replaced.config)) return {.seq = std::nullopt, .time = *time};
  // One that delivers what is new has nothing from before it was made.
  if (const auto made = TimeOf(replaced.created)) return {.seq = std::nullopt, .time = *made};
  return {.seq = std::nullopt, .time = now - std::chrono::ceil<system_clock::duration>(ack_wait)};
}

}  // namespace meshwarden
