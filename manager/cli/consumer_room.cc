#include "manager/cli/consumer_room.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "provisioning/space/server_version.h"

namespace meshwarden {
namespace {

// What a server of 2.15 or later grants a stream of an account that sets no limit.
constexpr std::int64_t kDefaultBound = 1'000;

std::optional<std::int64_t> IntegerAt(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_integer() ? std::optional(found->get<std::int64_t>())
                                                             : std::nullopt;
}

}  // namespace

std::optional<std::string> WarnAboutAccount(const Json& account_info, std::string_view server_version,
                                            std::int64_t agents) {
  const auto limits = account_info.is_object() ? account_info.find("limits") : account_info.end();
  std::int64_t bound = -1;
  if (limits != account_info.end()) {
    bound = IntegerAt(*limits, "max_consumers").value_or(-1);
  }
  if (bound <= 0 && !BoundsConsumersByDefault(server_version)) {
    return std::nullopt;
  }
  bound = bound <= 0 ? kDefaultBound : bound;
  if (bound >= agents * kConsumersPerAgent) {
    return std::nullopt;
  }
  return fmt::format(
      "the account may have {} consumers on one stream, enough for {} agents and not for {}; set the "
      "JetStream "
      "limit \"consumer\": 1000000 in the account's JWT (meshwarden space init does), or say --agents",
      bound, bound / kConsumersPerAgent, agents);
}

std::optional<std::string> WarnAboutStream(const Json& config, std::int64_t agents) {
  const std::int64_t bound = IntegerAt(config, "max_consumers").value_or(-1);
  if (bound <= 0 || bound >= agents * kConsumersPerAgent) {
    return std::nullopt;
  }
  const auto name = config.find("name");
  return fmt::format(
      "stream {} may have {} consumers, enough for {} agents and not for {}; set its max_consumers to -1",
      name != config.end() && name->is_string() ? name->get<std::string>() : "", bound,
      bound / kConsumersPerAgent, agents);
}

}  // namespace meshwarden
