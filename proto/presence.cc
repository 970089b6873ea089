#include "proto/presence.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "base/status.h"
#include "proto/given_fields.h"
#include "proto/unknown_fields.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kLimits = {.max_bytes = kMaxPresenceBytes, .max_depth = 16, .max_values = 2048};

// The one of `values` that the field `key` names.
template <typename Enum>
absl::StatusOr<Enum> DecodeEnum(const Json& object, const char* key, std::initializer_list<Enum> values) {
  MW_ASSIGN_OR_RETURN(const std::string name, RequiredString(object, key));
  std::string known;
  for (const Enum value : values) {
    if (NameOf(value) == name) return value;
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", NameOf(value));
  }
  return absl::InvalidArgumentError(fmt::format("field \"{}\" must be one of {}", key, known));
}

absl::StatusOr<std::string> RequiredNonEmptyString(const Json& object, const char* key) {
  MW_ASSIGN_OR_RETURN(std::string text, RequiredString(object, key));
  if (text.empty()) return absl::InvalidArgumentError(fmt::format("field \"{}\" must not be empty", key));
  return text;
}

// The field `key` as it is, null if it is not given; it must be of the type of `example`.
absl::StatusOr<Json> GivenContainer(const Json& object, const char* key, const Json& example) {
  const Json* found = GivenField(object, key);
  if (found == nullptr) return Json();
  if (found->type() != example.type()) {
    return absl::InvalidArgumentError(fmt::format("field \"{}\" must be an {}", key, example.type_name()));
  }
  return *found;
}

absl::StatusOr<Card> DecodeCard(Json object) {
  Card card;
  card.unknown = TakeUnknownFields(
      object, {"id", "name", "role", "kind", "description", "tags", "skills", "meta", "protocolVersion"});
  MW_ASSIGN_OR_RETURN(card.id, RequiredNonEmptyString(object, "id"));
  MW_ASSIGN_OR_RETURN(card.name, RequiredNonEmptyString(object, "name"));
  MW_ASSIGN_OR_RETURN(card.role, GivenString(object, "role"));
  MW_ASSIGN_OR_RETURN(card.kind, DecodeEnum(object, "kind", {CardKind::kAgent, CardKind::kEndpoint}));
  MW_ASSIGN_OR_RETURN(card.description, GivenString(object, "description"));
  MW_ASSIGN_OR_RETURN(auto tags, GivenStrings(object, "tags"));
  if (tags) card.tags = *std::move(tags);
  MW_ASSIGN_OR_RETURN(card.skills, GivenContainer(object, "skills", Json::array()));
  MW_ASSIGN_OR_RETURN(card.meta, GivenContainer(object, "meta", Json::object()));
  MW_ASSIGN_OR_RETURN(card.protocol_version, GivenString(object, "protocolVersion"));
  return card;
}

Json EncodeCard(const Card& card) {
  Json object = ObjectWithRoom(9, card.unknown);
  object["id"] = card.id;
  object["name"] = card.name;
  if (card.role) object["role"] = *card.role;
  object["kind"] = NameOf(card.kind);
  if (card.description) object["description"] = *card.description;
  if (!card.tags.empty()) object["tags"] = card.tags;
  if (!card.skills.is_null()) object["skills"] = card.skills;
  if (!card.meta.is_null()) object["meta"] = card.meta;
  if (card.protocol_version) object["protocolVersion"] = *card.protocol_version;
  AppendUnknownFields(card.unknown, object);
  return object;
}

absl::StatusOr<Presence> DecodeFields(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(Json object, ParseJsonObject(payload, kLimits));
  Presence presence;
  presence.unknown = TakeUnknownFields(object, {"card", "status", "activity", "ts"});
  const auto card_field = object.find("card");
  if (card_field == object.end() || !card_field->is_object()) {
    return absl::InvalidArgumentError("field \"card\" must be an object");
  }
  absl::StatusOr<Card> card = DecodeCard(std::move(*card_field));
  if (!card.ok()) return Annotate(card.status(), "field \"card\"");
  presence.card = *std::move(card);
  MW_ASSIGN_OR_RETURN(presence.status, DecodeEnum(object, "status",
                                                  {PresenceStatus::kIdle, PresenceStatus::kWaiting,
                                                   PresenceStatus::kWorking, PresenceStatus::kOffline}));
  MW_ASSIGN_OR_RETURN(presence.activity, GivenString(object, "activity"));
  MW_ASSIGN_OR_RETURN(presence.ts, DecodeTimestamp(object));
  return presence;
}

}  // namespace

absl::StatusOr<Presence> DecodePresence(std::string_view payload) {
  absl::StatusOr<Presence> presence = DecodeFields(payload);
  if (!presence.ok()) return Annotate(presence.status(), "presence");
  return presence;
}

std::string EncodePresence(const Presence& presence) {
  Json object = ObjectWithRoom(4, presence.unknown);
  object["card"] = EncodeCard(presence.card);
  object["status"] = NameOf(presence.status);
  if (presence.activity) object["activity"] = *presence.activity;
  object["ts"] = EncodeTimestamp(presence.ts);
  AppendUnknownFields(presence.unknown, object);
  return DumpJson(object);
}

std::string_view NameOf(CardKind kind) { return kind == CardKind::kAgent ? "agent" : "endpoint"; }

std::string_view NameOf(PresenceStatus status) {
  switch (status) {
    case PresenceStatus::kIdle:
      return "idle";
    case PresenceStatus::kWaiting:
      return "waiting";
    case PresenceStatus::kWorking:
      return "working";
    case PresenceStatus::kOffline:
      break;
  }
  return "offline";
}

}  // namespace meshwarden
