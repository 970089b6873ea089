#include "proto/message.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "proto/given_fields.h"
#include "proto/unknown_fields.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kLimits = {
    .max_bytes = kMaxMessageBytes, .max_depth = kMaxMessageDepth, .max_values = kMaxMessageValues};
constexpr std::string_view kTextKind = "text";
constexpr std::string_view kDataKind = "data";

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

const char* KeyOf(Delivery delivery) {
  switch (delivery) {
    case Delivery::kChannel:
      return "channel";
    case Delivery::kDm:
      return "to";
    case Delivery::kAnycast:
      break;
  }
  return "toService";
}

// Receivers go by the subject. So one that is missing or said twice is no reason to lose the message.
absl::StatusOr<Destination> DecodeDestination(const Json& object) {
  for (Delivery delivery : {Delivery::kChannel, Delivery::kDm, Delivery::kAnycast}) {
    MW_ASSIGN_OR_RETURN(std::optional<std::string> name, GivenString(object, KeyOf(delivery)));
    if (name && !name->empty()) return Destination{delivery, *std::move(name)};
  }
  return Destination{};
}

// Into `part`, which is empty: a message may have tens of thousands.
absl::Status DecodePart(Json& object, Part& part) {
  if (!object.is_object()) return Wrong("must be an object such as {\"kind\":\"text\",\"text\":\"hello\"}");
  MW_ASSIGN_OR_RETURN(part.kind, RequiredString(object, "kind"));
  if (part.kind.empty()) return Wrong("field \"kind\" must not be empty");
  if (part.kind == kTextKind) {
    part.unknown = TakeUnknownFields(object, {"kind", "text"});
    MW_ASSIGN_OR_RETURN(part.text, RequiredString(object, "text"));
  } else if (part.kind == kDataKind) {
    part.unknown = TakeUnknownFields(object, {"kind", "data"});
    const auto data = object.find("data");
    if (data == object.end()) return Wrong("field \"data\" must be there");
    part.data = std::move(*data);
  } else {
    part.unknown = TakeUnknownFields(object, {"kind"});
  }
  return absl::OkStatus();
}

Json EncodePart(const Part& part) {
  Json object = ObjectWithRoom(2, part.unknown);
  object["kind"] = part.kind;
  if (part.kind == kTextKind) object["text"] = part.text;
  if (part.kind == kDataKind) object["data"] = part.data;
  AppendUnknownFields(part.unknown, object);
  return object;
}

absl::StatusOr<MeshMessage> DecodeFields(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(Json object, ParseJsonObject(payload, kLimits));
  MeshMessage message;
  message.unknown = TakeUnknownFields(object, {"id", "ts", "space", "from", "channel", "to", "toService",
                                               "mentions", "parts", "replyTo", "contextId"});
  MW_ASSIGN_OR_RETURN(message.id, RequiredString(object, "id"));
  if (message.id.empty() || message.id.size() > kMaxMessageIdBytes) {
    return Wrong(fmt::format("field \"id\" must have 1 to {} bytes", kMaxMessageIdBytes));
  }
  MW_ASSIGN_OR_RETURN(message.ts, DecodeTimestamp(object));
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> space, GivenString(object, "space"));
  message.space = space.value_or("");
  MW_ASSIGN_OR_RETURN(message.from, TakeSender(object));
  MW_ASSIGN_OR_RETURN(message.destination, DecodeDestination(object));
  MW_ASSIGN_OR_RETURN(auto mentions, GivenStrings(object, "mentions"));
  if (mentions) message.mentions = *std::move(mentions);
  MW_ASSIGN_OR_RETURN(message.reply_to, GivenString(object, "replyTo"));
  MW_ASSIGN_OR_RETURN(message.context_id, GivenString(object, "contextId"));
  MW_ASSIGN_OR_RETURN(message.parts, DecodeParts(std::move(object)));
  return message;
}

}  // namespace

Part Part::Text(std::string text) {
  Part part;
  part.kind = kTextKind;
  part.text = std::move(text);
  return part;
}

Part Part::Data(Json data) {
  Part part;
  part.kind = kDataKind;
  part.data = std::move(data);
  return part;
}

absl::StatusOr<std::vector<Part>> DecodeParts(Json object) {
  const auto list = object.find("parts");
  if (list == object.end() || !list->is_array()) return Wrong("field \"parts\" must be a list of objects");
  std::vector<Part> parts;
  parts.reserve(list->size());
  for (Json& item : *list) {
    const absl::Status status = DecodePart(item, parts.emplace_back());
    if (!status.ok()) return Annotate(status, fmt::format("part {}", parts.size() - 1));
  }
  return parts;
}

absl::StatusOr<MeshMessage> DecodeMessage(std::string_view payload) {
  absl::StatusOr<MeshMessage> message = DecodeFields(payload);
  if (!message.ok()) return Annotate(message.status(), "message");
  return message;
}

std::string EncodeMessage(const MeshMessage& message) {
  Json object = ObjectWithRoom(9, message.unknown);
  object["id"] = message.id;
  object["ts"] = EncodeTimestamp(message.ts);
  object["space"] = message.space;
  object["from"] = EncodeSender(message.from);
  object[KeyOf(message.destination.delivery)] = message.destination.name;
  if (!message.mentions.empty()) object["mentions"] = message.mentions;
  Json& parts = object["parts"] = Json::array();
  for (const Part& part : message.parts) parts.push_back(EncodePart(part));
  if (message.reply_to) object["replyTo"] = *message.reply_to;
  if (message.context_id) object["contextId"] = *message.context_id;
  AppendUnknownFields(message.unknown, object);
  return DumpJson(object);
}

}  // namespace meshwarden
