#include "manager/agent/words.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "proto/message.h"

namespace meshwarden {
namespace {

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
  return DecodeParts(line);
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
