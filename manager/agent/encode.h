// What `meshwarden agent` tells its driver: events and replies, each one line of JSON without its line break.
#pragma once

#include <absl/status/status.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "endpoint/api/endpoint_events.h"
#include "proto/presence.h"

namespace meshwarden {

// What became of a command.
struct Outcome {
  bool ok = false;
  std::string data = {};   // JSON text; empty if there is none
  std::string error = {};  // of one that is not ok
  std::string code = {};   // of one that is not ok: a control service's own, else one of ours
};

// Done, with `data` (JSON text) if there is any.
Outcome Done(std::string data = {});
Outcome Failed(const absl::Status& status);

std::string ReadyEvent(std::string_view id, std::string_view space);
// `delivery` is what the driver settles it by; nothing if it needs not.
std::string MessageEvent(const ReceivedMessage& message, const std::optional<std::string>& delivery);
std::string PresenceLine(const PresenceEvent& event);
std::string ConnectionEvent(bool connected);
std::string ErrorEvent(const absl::Status& status);
std::string ReplyEvent(const Json& ref, const Outcome& outcome);

// A JSON list of JSON texts.
std::string ListOf(const std::vector<std::string>& texts);
// `text` as a JSON string.
std::string QuoteJson(std::string_view text);

}  // namespace meshwarden
