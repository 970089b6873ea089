#include "proto/registry.h"

#include <fmt/format.h>

#include "base/status.h"
#include "base/text/utf8.h"
#include "proto/duration.h"
#include "proto/given_fields.h"
#include "proto/unknown_fields.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kLimits = {.max_bytes = kMaxRegistryBytes, .max_depth = 16, .max_values = 1024};

absl::StatusOr<std::optional<bool>> GivenBool(const Json& object, const char* key) {
  const Json* found = GivenField(object, key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_boolean()) {
    return absl::InvalidArgumentError(fmt::format("field \"{}\" must be true or false", key));
  }
  return found->get<bool>();
}

absl::StatusOr<std::optional<ReplayWindow>> GivenWindow(const Json& object) {
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> text, GivenString(object, "replayWindow"));
  if (!text) return std::nullopt;
  absl::StatusOr<ReplayWindow> window = ReplayWindow::Parse(*text);
  if (!window.ok()) return Annotate(window.status(), "field \"replayWindow\"");
  return *std::move(window);
}

absl::Status CheckLength(const std::optional<std::string>& text, std::string_view key, std::size_t limit) {
  const std::size_t units = text ? Utf16Length(*text) : 0;
  if (units <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("field \"{}\" has {} characters, more than the {} allowed", key, units, limit));
}

absl::StatusOr<ChannelConfig> DecodeConfigFields(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(Json object, ParseJsonObject(payload, kLimits));
  ChannelConfig config;
  config.unknown = TakeUnknownFields(object, {"replay", "replayWindow", "description", "instructions"});
  MW_ASSIGN_OR_RETURN(config.replay, GivenBool(object, "replay"));
  MW_ASSIGN_OR_RETURN(config.replay_window, GivenWindow(object));
  MW_ASSIGN_OR_RETURN(config.description, GivenString(object, "description"));
  MW_ASSIGN_OR_RETURN(config.instructions, GivenString(object, "instructions"));
  MW_RETURN_IF_ERROR(ValidateChannelConfig(config));
  return config;
}

absl::StatusOr<ChannelDefaults> DecodeDefaultsFields(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(Json object, ParseJsonObject(payload, kLimits));
  ChannelDefaults defaults;
  defaults.unknown = TakeUnknownFields(object, {"replay", "replayWindow"});
  MW_ASSIGN_OR_RETURN(defaults.replay, GivenBool(object, "replay"));
  MW_ASSIGN_OR_RETURN(defaults.replay_window, GivenWindow(object));
  return defaults;
}

// The fields that a channel and the defaults have in common.
template <typename Record>
Json EncodeReplay(const Record& record) {
  Json object = Json::object();
  if (record.replay) object["replay"] = *record.replay;
  if (record.replay_window) object["replayWindow"] = record.replay_window->text();
  return object;
}

bool AreBrokerFields(const Json& fields) {
  const auto type = fields.find("type");
  if (type != fields.end() && type->is_string()) {
    return type->get_ref<const std::string&>().starts_with("io.nats.");
  }
  // An error stands beside these as well, or alone.
  const auto error = fields.find("error");
  const bool is_error = error != fields.end() && error->is_object() && error->contains("err_code");
  return is_error || (fields.contains("stream") && fields.contains("seq"));
}

absl::Status NoRecordError() {
  return absl::InvalidArgumentError(
      "it is an answer of the broker that somebody had stored there, and no record");
}

}  // namespace

absl::StatusOr<ReplayWindow> ReplayWindow::Parse(std::string_view text) {
  // ParseDuration looks past white space; the registry has none.
  if (text.find_first_not_of("0123456789smhd") != std::string_view::npos) {
    return absl::InvalidArgumentError("a window is digits and one of s, m, h, d, without spaces");
  }
  MW_ASSIGN_OR_RETURN(const std::chrono::milliseconds length, ParseDuration(text));
  return ReplayWindow(std::string(text), length);
}

absl::Status ValidateChannelConfig(const ChannelConfig& config) {
  MW_RETURN_IF_ERROR(CheckLength(config.description, "description", kMaxChannelDescription));
  return CheckLength(config.instructions, "instructions", kMaxChannelInstructions);
}

absl::StatusOr<ChannelConfig> DecodeChannelConfig(std::string_view payload) {
  absl::StatusOr<ChannelConfig> config = DecodeConfigFields(payload);
  if (!config.ok()) return Annotate(config.status(), "channel record");
  return config;
}

std::string EncodeChannelConfig(const ChannelConfig& config) {
  Json object = EncodeReplay(config);
  if (config.description) object["description"] = *config.description;
  if (config.instructions) object["instructions"] = *config.instructions;
  AppendUnknownFields(config.unknown, object);
  return DumpJson(object);
}

absl::StatusOr<ChannelDefaults> DecodeChannelDefaults(std::string_view payload) {
  absl::StatusOr<ChannelDefaults> defaults = DecodeDefaultsFields(payload);
  if (!defaults.ok()) return Annotate(defaults.status(), "channel defaults");
  return defaults;
}

std::string EncodeChannelDefaults(const ChannelDefaults& defaults) {
  Json object = EncodeReplay(defaults);
  AppendUnknownFields(defaults.unknown, object);
  return DumpJson(object);
}

bool IsBrokerAnswer(const ChannelConfig& config) {
  const bool says_something =
      config.replay || config.replay_window || config.description || config.instructions;
  return !says_something && AreBrokerFields(config.unknown);
}

bool IsBrokerAnswer(const ChannelDefaults& defaults) {
  return !defaults.replay && !defaults.replay_window && AreBrokerFields(defaults.unknown);
}

bool EffectiveReplay(const ChannelConfig& config, const ChannelDefaults& defaults) {
  return config.replay.value_or(defaults.replay.value_or(true));
}

std::optional<std::chrono::milliseconds> EffectiveReplayWindow(const ChannelConfig& config,
                                                               const ChannelDefaults& defaults) {
  const std::optional<ReplayWindow>& window =
      config.replay_window ? config.replay_window : defaults.replay_window;
  if (!window) return std::nullopt;
  return window->length();
}

absl::StatusOr<ChannelConfig> DecodeStoredChannelConfig(std::string_view payload) {
  absl::StatusOr<ChannelConfig> config = DecodeChannelConfig(payload);
  if (config.ok() && IsBrokerAnswer(*config)) return NoRecordError();
  return config;
}

absl::StatusOr<ChannelDefaults> DecodeStoredChannelDefaults(std::string_view payload) {
  absl::StatusOr<ChannelDefaults> defaults = DecodeChannelDefaults(payload);
  if (defaults.ok() && IsBrokerAnswer(*defaults)) return NoRecordError();
  return defaults;
}

}  // namespace meshwarden
