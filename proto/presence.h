// Who is there: the record that an endpoint keeps under its id in the presence bucket.
//
// Decoding is bounded before it parses and strict about the fields it knows, of which an optional one that
// is null counts as absent; others are kept.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "proto/timestamp.h"

namespace meshwarden {

inline constexpr std::size_t kMaxPresenceBytes = 64 * 1024;
// The version that cards of ours carry.
inline constexpr std::string_view kProtocolVersion = "0.2";

enum class CardKind { kAgent, kEndpoint };
enum class PresenceStatus { kIdle, kWaiting, kWorking, kOffline };

// How an endpoint introduces itself.
struct Card {
  std::string id;
  std::string name;
  std::optional<std::string> role;
  CardKind kind = CardKind::kAgent;
  std::optional<std::string> description;
  std::vector<std::string> tags;
  Json skills;  // a list, or null when there is none
  Json meta;    // an object, or null when there is none
  std::optional<std::string> protocol_version;
  Json unknown = Json::object();

  bool operator==(const Card&) const = default;
};

struct Presence {
  Card card;
  PresenceStatus status = PresenceStatus::kIdle;
  std::optional<std::string> activity;
  Timestamp ts;
  Json unknown = Json::object();

  bool operator==(const Presence&) const = default;
};

// InvalidArgument names the field that is missing or wrong. Whether the card's id is the key that the record
// lies under is for the caller to check: only the key is guarded by the broker.
absl::StatusOr<Presence> DecodePresence(std::string_view payload);
// The record as the peers write it, in their order of fields; empty tags are left out.
std::string EncodePresence(const Presence& presence);

// Names as they appear on the wire: "agent", "endpoint"; "idle", "waiting", "working", "offline".
std::string_view NameOf(CardKind kind);
std::string_view NameOf(PresenceStatus status);

}  // namespace meshwarden
