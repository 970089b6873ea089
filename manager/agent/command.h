// What a driver of `meshwarden agent` asks for: one JSON object a line, read into a typed command.
//
// A line is bounded before it is parsed and read strictly: a field that the verb does not have is refused, so
// that a slip of the pen in "channel" does not send a message elsewhere. An optional field may also be null.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "proto/message.h"
#include "proto/presence.h"

namespace meshwarden {

// Longest line: the longest message, and room for the rest of the command.
inline constexpr std::size_t kMaxLineBytes = kMaxMessageBytes + 64 * 1024;
inline constexpr std::uint64_t kDefaultHistory = 100;
inline constexpr std::uint64_t kMaxHistory = 10'000;
inline constexpr std::chrono::milliseconds kMaxControlTimeout{120'000};

// One type for each verb, named as the verb is.
namespace verb {

// What is to be said; of either `text` or `parts`.
struct Words {
  std::vector<Part> parts;
  std::vector<std::string> mentions = {};
  std::optional<std::string> reply_to = std::nullopt;
  std::optional<std::string> context_id = std::nullopt;
};

struct Multicast {
  Words words;
  std::optional<std::string> channel;
};
struct Unicast {
  Words words;
  std::string to;  // an id or a name
};
struct Anycast {
  Words words;
  std::string role;
};
struct Join {
  std::string channel;
};
struct Leave {
  std::string channel;
};
struct Recall {
  std::string channel;
  std::uint64_t since = 0;
};
struct History {
  std::string channel;
  std::uint64_t limit = kDefaultHistory;
};
struct Roster {};
struct Channels {};
struct Joined {};
struct Members {
  std::optional<std::string> channel;
};
struct Status {
  PresenceStatus status = PresenceStatus::kIdle;
};
struct Activity {
  std::optional<std::string> activity;  // nothing: none any more
};
struct Control {
  std::string service;
  std::string op;
  Json args;  // an object, or null when there is none
  std::chrono::milliseconds timeout{5'000};
};
struct Ack {
  std::string delivery;
};
struct Nak {
  std::string delivery;
};
struct Frontier {};
struct Reconnect {};
struct Stop {};

}  // namespace verb

using Command = std::variant<verb::Multicast, verb::Unicast, verb::Anycast, verb::Join, verb::Leave,
                             verb::Recall, verb::History, verb::Roster, verb::Channels, verb::Joined,
                             verb::Members, verb::Status, verb::Activity, verb::Control, verb::Ack, verb::Nak,
                             verb::Frontier, verb::Reconnect, verb::Stop>;

struct CommandLineRead {
  Json ref;  // the line's, to be sent back with the reply; null if it has none
  // InvalidArgument says what is wrong with the line and how it should look.
  absl::StatusOr<Command> command;
};

CommandLineRead ReadCommandLine(std::string_view line);

// The error of a line that was longer than kMaxLineBytes, and so was not kept.
absl::Status LineTooLong();

}  // namespace meshwarden
