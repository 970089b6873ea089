// Whether a space's account and streams have room for the consumers of its agents.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

// Each agent has a chat durable and, now and then, a reader of history on the chat stream.
inline constexpr std::int64_t kConsumersPerAgent = 2;

// A warning with what to do, if the account may not hold the consumers of `agents` agents on one stream.
// `account_info` is the broker's answer to $JS.API.INFO, `server_version` what it reports of itself.
std::optional<std::string> WarnAboutAccount(const Json& account_info, std::string_view server_version,
                                            std::int64_t agents);

// The same for one stream's own limit; `config` is its configuration.
std::optional<std::string> WarnAboutStream(const Json& config, std::int64_t agents);

}  // namespace meshwarden
