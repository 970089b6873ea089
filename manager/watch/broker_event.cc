#include "manager/watch/broker_event.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace meshwarden {
namespace {

constexpr std::string_view kApiUseSubject = "$JS.EVENT.ADVISORY.API";
constexpr std::string_view kGonePrefix = "$JS.EVENT.ADVISORY.CONSUMER.DELETED.";
constexpr std::string_view kMovePrefix = "$JS.API.CONSUMER.RESET.";
constexpr std::string_view kApiUseType = "io.nats.jetstream.advisory.v1.api_audit";
constexpr std::string_view kConsumerType = "io.nats.jetstream.advisory.v1.consumer_action";
constexpr std::string_view kDeleteVerb = "$JS.API.CONSUMER.DELETE.";

// Requests and answers stand in it as text, so that its own structure is small.
constexpr JsonLimits kAdvisoryLimits{.max_bytes = kMaxAdvisoryBytes, .max_depth = 8, .max_values = 1'000};
constexpr JsonLimits kMoveLimits{.max_bytes = 4096, .max_depth = 4, .max_values = 64};

std::string StringOr(const Json& object, const char* key, std::string_view otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string(otherwise);
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Sound without reading: inside of a text that a client chose, the quotes would be escaped.
bool MayConcern(std::string_view payload) {
  return Contains(payload, "\"JetStream\"") || Contains(payload, kDeleteVerb);
}

std::optional<Json> ParseOfType(std::string_view payload, std::string_view type) {
  absl::StatusOr<Json> json = ParseJsonObject(payload, kAdvisoryLimits);
  if (!json.ok() || StringOr(*json, "type", "") != type) return std::nullopt;
  return *std::move(json);
}

std::optional<BrokerEvent> ParseApiUse(std::string_view payload) {
  if (!MayConcern(payload)) return std::nullopt;
  const std::optional<Json> json = ParseOfType(payload, kApiUseType);
  if (!json.has_value()) return std::nullopt;
  const auto client = json->find("client");
  if (client == json->end() || !client->is_object()) return std::nullopt;
  ApiUse use{.subject = StringOr(*json, "subject", ""),
             .kind = StringOr(*client, "kind", ""),
             .user = StringOr(*client, "user", "")};
  if (!use.driven() && !use.subject.starts_with(kDeleteVerb)) return std::nullopt;
  return use;
}

std::optional<BrokerEvent> ParseConsumerGone(std::string_view subject, std::string_view payload) {
  const std::optional<Json> json = ParseOfType(payload, kConsumerType);
  if (!json.has_value() || StringOr(*json, "action", "") != "delete") return std::nullopt;
  ConsumerGone gone{.stream = StringOr(*json, "stream", ""), .consumer = StringOr(*json, "consumer", "")};
  if (subject != fmt::format("{}{}.{}", kGonePrefix, gone.stream, gone.consumer)) return std::nullopt;
  return gone;
}

std::optional<std::uint64_t> NextSeqOf(std::string_view payload) {
  const absl::StatusOr<Json> json = ParseJsonObject(payload, kMoveLimits);
  if (!json.ok()) return std::nullopt;
  const auto seq = json->find("seq");
  if (seq == json->end() || !seq->is_number_unsigned()) return std::nullopt;
  return seq->get<std::uint64_t>();
}

}  // namespace

bool PlaceMove::driven() const { return consumer.empty() || !reply.starts_with("_INBOX"); }

std::string GoneConsumers(std::string_view stream) { return fmt::format("{}{}.*", kGonePrefix, stream); }

std::string PlaceMoves(std::string_view stream) { return fmt::format("{}{}.*", kMovePrefix, stream); }

std::optional<BrokerEvent> ParseAdvisory(std::string_view subject, std::string_view payload) {
  if (subject == kApiUseSubject) return ParseApiUse(payload);
  if (subject.starts_with(kGonePrefix)) return ParseConsumerGone(subject, payload);
  return std::nullopt;
}

PlaceMove ParsePlaceMove(const Overheard& message) {
  PlaceMove move{.stream = std::string(message.stream),
                 .consumer = {},
                 .reply = std::string(message.reply),
                 .next_seq = NextSeqOf(message.payload)};
  const std::string prefix = fmt::format("{}{}.", kMovePrefix, message.stream);
  if (message.subject.starts_with(prefix)) {
    const std::string_view consumer = message.subject.substr(prefix.size());
    if (!Contains(consumer, ".")) move.consumer = std::string(consumer);
  }
  return move;
}

}  // namespace meshwarden
