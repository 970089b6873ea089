#include "manager/agent/words.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

// What a part carries besides the fields that this program knows.
Json Others(const Json& part, std::string_view known) {
  Json others = Json::object();
  for (const auto& item : part.items()) {
    if (item.key() != "kind" && item.key() != known) {
      others[item.key()] = item.value();
    }
  }
  return others;
}

absl::StatusOr<Part> ReadPart(const Json& object) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError("must be an object such as {\"kind\":\"text\",\"text\":\"hello\"}");
  }
  Part part;
  MW_ASSIGN_OR_RETURN(part.kind, RequiredString(object, "kind"));
  if (part.kind.empty()) {
    return absl::InvalidArgumentError("field \"kind\" must not be empty");
  }
  if (part.kind == "text") {
    MW_ASSIGN_OR_RETURN(part.text, RequiredString(object, "text"));
    part.unknown = Others(object, "text");
  } else if (part.kind == "data") {
    const auto data = object.find("data");
    if (data == object.end()) {
      return absl::InvalidArgumentError("field \"data\" must be there");
    }
    part.data = *data;
    part.unknown = Others(object, "data");
  } else {
    part.unknown = Others(object, "kind");
  }
  return part;
}

absl::StatusOr<std::vector<Part>> ReadParts(const Json& line) {
  const auto text = line.find("text");
  const auto list = line.find("parts");
  if ((text == line.end()) == (list == line.end())) {
    return absl::InvalidArgumentError("give either \"text\" or \"parts\"");
  }
  if (text != line.end()) {
    MW_ASSIGN_OR_RETURN(std::string said, RequiredString(line, "text"));
    return std::vector<Part>{Part::Text(std::move(said))};
  }
  if (!list->is_array()) {
    return absl::InvalidArgumentError("field \"parts\" must be a list of objects");
  }
  std::vector<Part> parts;
  for (const Json& item : *list) {
    absl::StatusOr<Part> part = ReadPart(item);
    if (!part.ok()) {
      return Annotate(part.status(), fmt::format("part {}", parts.size()));
    }
    parts.push_back(*std::move(part));
  }
  return parts;
}

}  // namespace

absl::StatusOr<verb::Words> ReadWords(const Json& line) {
  verb::Words words;
  MW_ASSIGN_OR_RETURN(words.parts, ReadParts(line));
  MW_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> mentions, OptionalStrings(line, "mentions"));
  words.mentions = std::move(mentions).value_or(std::vector<std::string>{});
  MW_ASSIGN_OR_RETURN(words.reply_to, OptionalString(line, "replyTo"));
  MW_ASSIGN_OR_RETURN(words.context_id, OptionalString(line, "contextId"));
  return words;
}

}  // namespace meshwarden
