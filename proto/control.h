// Control requests and replies: what an agent asks of the manager, and what it hears.
//
// Unknown fields are kept and ignored. Decoding is strict about what it uses and bounded before it parses.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace meshwarden {

// Longest request that is parsed; 64 channels of the longest name fit.
inline constexpr std::size_t kMaxControlRequestBytes = 64 * 1024;
inline constexpr std::size_t kMaxControlDepth = 8;

// Who says it is speaking; the broker-checked subject decides whether that is so.
struct Sender {
  std::string id;
  std::string name;  // empty if the request has none
  std::optional<std::string> role;
};

struct ControlRequest {
  std::string op;
  Json args;  // an object; empty if the request has none
  Sender from;
  Json unknown;  // fields that this version does not know
};

// `from` must be an object with a string `id`, `op` a non-empty string of at most 64 bytes, `args` an object
// (absent counts as empty). InvalidArgument says which is not so.
absl::StatusOr<ControlRequest> DecodeControlRequest(std::string_view payload);
std::string EncodeControlRequest(const ControlRequest& request);

struct ControlReply {
  bool ok = false;
  Json data;          // null when there is none
  std::string error;  // for people; empty when ok
  std::string code;   // stable, for programs; ours, peers do not send it

  static ControlReply Ok(Json data);
  static ControlReply Error(std::string code, std::string error);
};

absl::StatusOr<ControlReply> DecodeControlReply(std::string_view payload);
std::string EncodeControlReply(const ControlReply& reply);

}  // namespace meshwarden
