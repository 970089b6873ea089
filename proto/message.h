// What endpoints say to each other: a delivery message and its parts.
//
// Decoding is bounded before it parses and strict about the fields it knows; an optional one that is null
// counts as absent. Fields and kinds of parts that it does not know are kept and go out again on encoding.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "proto/sender.h"
#include "proto/subject.h"
#include "proto/timestamp.h"

namespace meshwarden {

inline constexpr std::size_t kMaxMessageBytes = 1 << 20;
inline constexpr std::size_t kMaxMessageIdBytes = 128;
inline constexpr std::size_t kMaxMessageDepth = 128;
// Most JSON values in one message, containers included.
inline constexpr std::size_t kMaxMessageValues = 100'000;

// A piece of content. "text" and "data" are known; every other kind is an extension of someone's, named in
// reverse DNS ("com.example.image"), with whatever fields.
struct Part {
  std::string kind;
  std::string text;               // of a "text" part
  Json data;                      // of a "data" part
  Json unknown = Json::object();  // all other fields but `kind`: the whole of an extension

  static Part Text(std::string text);
  static Part Data(Json data);
  bool operator==(const Part&) const = default;
};

// Whom a message says it is for. Only a claim, like its sender: see DeliveryOf.
struct Destination {
  Delivery delivery = Delivery::kChannel;
  std::string name;  // a channel, the id of an instance, or a role; empty: it does not say
  bool operator==(const Destination&) const = default;
};

struct MeshMessage {
  std::string id;  // a UUID, where the sender keeps to the contract
  Timestamp ts;
  std::string space;
  Sender from;
  Destination destination;
  std::vector<std::string> mentions;
  std::vector<Part> parts;
  std::optional<std::string> reply_to;
  std::optional<std::string> context_id;
  Json unknown = Json::object();

  bool operator==(const MeshMessage&) const = default;
};

// InvalidArgument names the field that is missing or wrong: `id` must have 1 to 128 bytes, `ts` be a time,
// `from` have an id, `parts` be a list of parts, each with a `kind`. What the subject tells better (`space`,
// `channel`, `to`, `toService`) and the sender's name may be missing; of several destinations the first
// counts.
absl::StatusOr<MeshMessage> DecodeMessage(std::string_view payload);
// The field `parts` of a message, or of another object that has one: a list of parts, each with a `kind` that
// is not empty. InvalidArgument names the part and the field that is missing or wrong. As deep and as long as
// `object` is; whoever parsed it has bounded that.
absl::StatusOr<std::vector<Part>> DecodeParts(Json object);
// The message as the peers write it, in their order of fields; mentions are left out when empty.
std::string EncodeMessage(const MeshMessage& message);

}  // namespace meshwarden
