#include "proto/sender.h"

#include "base/status.h"
#include "proto/given_fields.h"
#include "proto/unknown_fields.h"

namespace meshwarden {
namespace {

absl::StatusOr<Sender> TakeFields(Json& from) {
  Sender sender;
  sender.unknown = TakeUnknownFields(from, {"id", "name", "role"});
  MW_ASSIGN_OR_RETURN(sender.id, RequiredString(from, "id"));
  if (sender.id.empty()) return absl::InvalidArgumentError("field \"id\" must not be empty");
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> name, GivenString(from, "name"));
  sender.name = name.value_or("");
  MW_ASSIGN_OR_RETURN(sender.role, GivenString(from, "role"));
  return sender;
}

}  // namespace

absl::StatusOr<Sender> TakeSender(Json& object) {
  const auto from = object.find("from");
  if (from == object.end() || !from->is_object()) {
    return absl::InvalidArgumentError("field \"from\" must be an object");
  }
  absl::StatusOr<Sender> sender = TakeFields(*from);
  if (!sender.ok()) return Annotate(sender.status(), "field \"from\"");
  return sender;
}

bool IsFrom(const Json& object, std::string_view id) {
  const auto from = object.find("from");
  if (id.empty() || from == object.end() || !from->is_object()) return false;
  const auto claimed = from->find("id");
  return claimed != from->end() && claimed->is_string() && claimed->get_ref<const std::string&>() == id;
}

Json EncodeSender(const Sender& sender) {
  Json from = ObjectWithRoom(3, sender.unknown);
  from["id"] = sender.id;
  if (!sender.name.empty()) from["name"] = sender.name;
  if (sender.role) from["role"] = *sender.role;
  AppendUnknownFields(sender.unknown, from);
  return from;
}

}  // namespace meshwarden
