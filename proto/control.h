// Control requests and replies: what an agent asks of the manager, and what it hears.
//
// Unknown fields are kept and ignored; an optional field that is null counts as absent. Decoding is strict
// about what it uses and bounded before it parses.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "proto/sender.h"

namespace meshwarden {

// Longest request that is parsed; 64 channels of the longest name fit.
inline constexpr std::size_t kMaxControlRequestBytes = 64 * 1024;
inline constexpr std::size_t kMaxControlDepth = 8;
// Most JSON values in one request, containers included.
inline constexpr std::size_t kMaxControlValues = 1024;
inline constexpr std::size_t kMaxOpBytes = 64;

struct ControlRequest {
  std::string op;
  Json args;  // an object, or null when there is none
  Sender from;
  // When the asker gives up, in milliseconds since the epoch by its own clock; ours, peers do not send it.
  std::optional<std::int64_t> until = std::nullopt;
  Json unknown = Json::object();  // fields that this version does not know

  bool operator==(const ControlRequest&) const = default;
};

// A request is read in two steps, so that its sender can be judged (see IsFrom) before its other fields are.
//
// The object that `payload` holds, its fields unread. InvalidArgument if it is none or beyond the bounds.
absl::StatusOr<Json> ParseControlRequest(std::string_view payload);
// Its fields: `from` must be a sender (see DecodeSender), `op` a non-empty string of at most kMaxOpBytes,
// `args` an object and `until` an integer where they are given. InvalidArgument says which is not so.
absl::StatusOr<ControlRequest> ReadControlRequest(const Json& object);
// Both steps.
absl::StatusOr<ControlRequest> DecodeControlRequest(std::string_view payload);
std::string EncodeControlRequest(const ControlRequest& request);

struct ControlReply {
  bool ok = false;
  Json data;          // null when there is none
  std::string error;  // for people; empty when ok
  std::string code;   // stable, for programs; ours, peers do not send it
  Json unknown = Json::object();

  bool operator==(const ControlReply&) const = default;

  static ControlReply Ok(Json data);
  static ControlReply Error(std::string code, std::string error);
  // A request is answered so whose end had passed: nothing was done. Tells what the answering clock says, so
  // that who asks by another clock can ask again.
  static ControlReply StaleRequest(std::string error, std::int64_t now_ms);
};

inline constexpr std::string_view kStaleRequest = "stale_request";
// The time that a reply of the code kStaleRequest tells, in milliseconds since the epoch; nothing if it tells
// none.
std::optional<std::int64_t> NowOfStaleRequest(const ControlReply& reply);

// `ok` must be true or false, `error` and `code` strings where they are given.
absl::StatusOr<ControlReply> DecodeControlReply(std::string_view payload);
std::string EncodeControlReply(const ControlReply& reply);

}  // namespace meshwarden
