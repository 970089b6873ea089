#include "manager/agent/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "manager/agent/words.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kLineLimits = {
    .max_bytes = kMaxLineBytes, .max_depth = kMaxMessageDepth, .max_values = kMaxMessageValues};

absl::StatusOr<std::string> NonEmptyString(const Json& line, const char* key) {
  MW_ASSIGN_OR_RETURN(std::string value, RequiredString(line, key));
  if (value.empty()) {
    return absl::InvalidArgumentError(fmt::format("field \"{}\" must not be empty", key));
  }
  return value;
}

absl::StatusOr<std::uint64_t> WholeNumber(const Json& line, const char* key, std::uint64_t least,
                                          std::uint64_t most) {
  MW_ASSIGN_OR_RETURN(const std::int64_t value, RequiredInteger(line, key));
  if (value < 0 || static_cast<std::uint64_t>(value) < least || static_cast<std::uint64_t>(value) > most) {
    return absl::InvalidArgumentError(
        fmt::format("field \"{}\" must be a whole number from {} to {}", key, least, most));
  }
  return static_cast<std::uint64_t>(value);
}

absl::StatusOr<Command> ReadMulticast(const Json& line) {
  verb::Multicast command;
  MW_ASSIGN_OR_RETURN(command.channel, OptionalString(line, "channel"));
  MW_ASSIGN_OR_RETURN(command.words, ReadWords(line));
  return command;
}

absl::StatusOr<Command> ReadUnicast(const Json& line) {
  verb::Unicast command;
  MW_ASSIGN_OR_RETURN(command.to, NonEmptyString(line, "to"));
  MW_ASSIGN_OR_RETURN(command.words, ReadWords(line));
  return command;
}

absl::StatusOr<Command> ReadAnycast(const Json& line) {
  verb::Anycast command;
  MW_ASSIGN_OR_RETURN(command.role, NonEmptyString(line, "role"));
  MW_ASSIGN_OR_RETURN(command.words, ReadWords(line));
  return command;
}

template <typename Verb>
absl::StatusOr<Command> ReadOfChannel(const Json& line) {
  Verb command;
  MW_ASSIGN_OR_RETURN(command.channel, NonEmptyString(line, "channel"));
  return command;
}

absl::StatusOr<Command> ReadRecall(const Json& line) {
  verb::Recall command;
  MW_ASSIGN_OR_RETURN(command.channel, NonEmptyString(line, "channel"));
  MW_ASSIGN_OR_RETURN(command.since, WholeNumber(line, "since", 0, INT64_MAX));
  return command;
}

absl::StatusOr<Command> ReadHistory(const Json& line) {
  verb::History command;
  MW_ASSIGN_OR_RETURN(command.channel, NonEmptyString(line, "channel"));
  if (line.contains("limit")) {
    MW_ASSIGN_OR_RETURN(command.limit, WholeNumber(line, "limit", 1, kMaxHistory));
  }
  return command;
}

absl::StatusOr<Command> ReadMembers(const Json& line) {
  verb::Members command;
  MW_ASSIGN_OR_RETURN(command.channel, OptionalString(line, "channel"));
  return command;
}

absl::StatusOr<Command> ReadStatus(const Json& line) {
  MW_ASSIGN_OR_RETURN(const std::string name, RequiredString(line, "status"));
  for (const PresenceStatus status : {PresenceStatus::kIdle, PresenceStatus::kWaiting,
                                      PresenceStatus::kWorking, PresenceStatus::kOffline}) {
    if (name == NameOf(status)) {
      return verb::Status{.status = status};
    }
  }
  return absl::InvalidArgumentError("field \"status\" must be idle, waiting, working or offline");
}

absl::StatusOr<Command> ReadActivity(const Json& line) {
  verb::Activity command;
  MW_ASSIGN_OR_RETURN(command.activity, OptionalString(line, "activity"));
  return command;
}

absl::StatusOr<Command> ReadControl(const Json& line) {
  verb::Control command;
  MW_ASSIGN_OR_RETURN(command.service, NonEmptyString(line, "service"));
  MW_ASSIGN_OR_RETURN(command.op, NonEmptyString(line, "op"));
  if (const auto args = line.find("args"); args != line.end()) {
    if (!args->is_object()) {
      return absl::InvalidArgumentError("field \"args\" must be an object");
    }
    command.args = *args;
  }
  if (line.contains("timeoutMs")) {
    MW_ASSIGN_OR_RETURN(
        const std::uint64_t timeout,
        WholeNumber(line, "timeoutMs", 1, static_cast<std::uint64_t>(kMaxControlTimeout.count())));
    command.timeout = std::chrono::milliseconds(timeout);
  }
  return command;
}

template <typename Verb>
absl::StatusOr<Command> ReadOfDelivery(const Json& line) {
  Verb command;
  MW_ASSIGN_OR_RETURN(command.delivery, NonEmptyString(line, "delivery"));
  return command;
}

template <typename Verb>
absl::StatusOr<Command> ReadBare(const Json&) {
  return Verb{};
}

// A verb, and what goes with it.
struct Grammar {
  std::string_view name;
  std::string_view fields;  // parted by ", "
  absl::StatusOr<Command> (*read)(const Json& line);
};

constexpr std::array kVerbs = {
    Grammar{"multicast", "channel, text, parts, mentions, replyTo, contextId", &ReadMulticast},
    Grammar{"unicast", "to, text, parts, mentions, replyTo, contextId", &ReadUnicast},
    Grammar{"anycast", "role, text, parts, mentions, replyTo, contextId", &ReadAnycast},
    Grammar{"join", "channel", &ReadOfChannel<verb::Join>},
    Grammar{"leave", "channel", &ReadOfChannel<verb::Leave>},
    Grammar{"recall", "channel, since", &ReadRecall},
    Grammar{"history", "channel, limit", &ReadHistory},
    Grammar{"roster", "", &ReadBare<verb::Roster>},
    Grammar{"channels", "", &ReadBare<verb::Channels>},
    Grammar{"joined", "", &ReadBare<verb::Joined>},
    Grammar{"members", "channel", &ReadMembers},
    Grammar{"status", "status", &ReadStatus},
    Grammar{"activity", "activity", &ReadActivity},
    Grammar{"control", "service, op, args, timeoutMs", &ReadControl},
    Grammar{"ack", "delivery", &ReadOfDelivery<verb::Ack>},
    Grammar{"nak", "delivery", &ReadOfDelivery<verb::Nak>},
    Grammar{"frontier", "", &ReadBare<verb::Frontier>},
    Grammar{"reconnect", "", &ReadBare<verb::Reconnect>},
    Grammar{"stop", "", &ReadBare<verb::Stop>},
};

bool Lists(std::string_view fields, std::string_view wanted) {
  while (!fields.empty()) {
    const std::string_view field = fields.substr(0, fields.find(','));
    if (field == wanted) {
      return true;
    }
    fields.remove_prefix(std::min(fields.size(), field.size() + 2));
  }
  return false;
}

absl::StatusOr<const Grammar*> GrammarOf(std::string_view name) {
  const auto* const found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [name](const Grammar& verb) { return verb.name == name; });
  if (found != kVerbs.end()) {
    return found;
  }
  std::string known;
  for (const Grammar& verb : kVerbs) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", verb.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown verb {}; \"do\" must be one of {}", Quoted(name), known));
}

absl::Status CheckFields(const Json& line, const Grammar& verb) {
  for (const auto& item : line.items()) {
    if (item.key() != "do" && item.key() != "ref" && !Lists(verb.fields, item.key())) {
      return absl::InvalidArgumentError(fmt::format("there is no field {}; apart from \"ref\" it takes {}",
                                                    Quoted(item.key()),
                                                    verb.fields.empty() ? "none" : verb.fields));
    }
  }
  return absl::OkStatus();
}

// `line` without the fields that are null, which count as not given.
Json WithoutNulls(const Json& line) {
  Json given = Json::object();
  for (const auto& item : line.items()) {
    if (!item.value().is_null()) {
      given[item.key()] = item.value();
    }
  }
  return given;
}

absl::StatusOr<Command> ReadCommand(const Json& line) {
  MW_ASSIGN_OR_RETURN(const std::string name, RequiredString(line, "do"));
  MW_ASSIGN_OR_RETURN(const Grammar* const verb, GrammarOf(name));
  absl::Status fields = CheckFields(line, *verb);
  MW_RETURN_IF_ERROR(Annotate(fields, name));
  absl::StatusOr<Command> command = verb->read(WithoutNulls(line));
  if (!command.ok()) {
    return Annotate(command.status(), name);
  }
  return command;
}

}  // namespace

CommandLineRead ReadCommandLine(std::string_view line) {
  absl::StatusOr<Json> object = ParseJsonObject(line, kLineLimits);
  if (!object.ok()) {
    return {
        .ref = nullptr,
        .command = Annotate(object.status(), "each line must be a JSON object such as {\"do\":\"roster\"}")};
  }
  const auto ref = object->find("ref");
  return {.ref = ref == object->end() ? Json() : *ref, .command = ReadCommand(*object)};
}

absl::Status LineTooLong() {
  return absl::InvalidArgumentError(
      fmt::format("the line is longer than the {} bytes allowed and was skipped", kMaxLineBytes));
}

}  // namespace meshwarden
