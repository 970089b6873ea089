#include "endpoint/jetstream/jetstream_answer.h"

#include <absl/strings/cord.h>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kAnswerLimits{.max_bytes = 8 << 20, .max_depth = 32, .max_values = 1'000'000};
// A page of a stream's subjects has up to 100,000 of them.
constexpr JsonLimits kSubjectPageLimits{.max_bytes = 64 << 20, .max_depth = 8, .max_values = 200'000};
// One of consumers has up to 256, each with as much as the broker lets its maker say of it.
constexpr JsonLimits kConsumerPageLimits{.max_bytes = 64 << 20, .max_depth = 8, .max_values = 1'000'000};
constexpr char kCodePayload[] = "meshwarden/js-error-code";

absl::StatusCode StatusCodeOf(int http_code, int error_code) {
  switch (static_cast<JsError>(error_code)) {
    case JsError::kConsumerNotFound:
    case JsError::kStreamNotFound:
    case JsError::kMessageNotFound:
    case JsError::kConsumerMissing:
      return absl::StatusCode::kNotFound;
    case JsError::kConsumerExists:
    case JsError::kStreamNameInUse:
      return absl::StatusCode::kAlreadyExists;
    case JsError::kMaximumConsumers:
      return absl::StatusCode::kResourceExhausted;
    case JsError::kDuplicateInProcess:
      return absl::StatusCode::kUnavailable;
    default:
      return http_code == 503 ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition;
  }
}

int IntegerOr(const Json& object, const char* key, int otherwise) {
  const absl::StatusOr<std::int64_t> value = RequiredInteger(object, key);
  return value.ok() && *value >= INT32_MIN && *value <= INT32_MAX ? static_cast<int>(*value) : otherwise;
}

// The server's own error object as a status. Its text goes into the message, never into a decision.
absl::Status ErrorOf(const Json& error) {
  const int http_code = IntegerOr(error, "code", 0);
  const int error_code = IntegerOr(error, "err_code", 0);
  const absl::StatusOr<std::string> description = RequiredString(error, "description");
  absl::Status status(StatusCodeOf(http_code, error_code),
                      fmt::format("the broker refused ({}): {}", error_code,
                                  description.ok() ? *description : "no description"));
  status.SetPayload(kCodePayload, absl::Cord(std::to_string(error_code)));
  return status;
}

// It may be stored or not, so whoever sent it sends it again under the same id.
absl::Status NotStoredYet() {
  return absl::UnavailableError(
      "the broker is at storing a message of the same id, and does not say yet that it did");
}

absl::StatusOr<std::uint64_t> UnsignedField(const Json& object, const char* key) {
  MW_ASSIGN_OR_RETURN(const std::int64_t value, RequiredInteger(object, key));
  if (value < 0) return absl::InvalidArgumentError(fmt::format("field \"{}\" is negative", key));
  return static_cast<std::uint64_t>(value);
}

absl::StatusOr<Json> ObjectField(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    return absl::InvalidArgumentError(fmt::format("the broker's answer has no object \"{}\"", key));
  }
  return *found;
}

absl::StatusOr<std::string> DecodeBase64(const std::string& text) {
  // libsodium takes some bytes beyond ASCII for digits.
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; })) {
    return absl::InvalidArgumentError("a stored message is not valid base64");
  }
  std::string bytes(text.size(), '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return absl::InvalidArgumentError("a stored message is not valid base64");
  }
  bytes.resize(length);
  return bytes;
}

bool IsDeleteMarker(const std::string& headers) {
  return headers.find("KV-Operation: DEL") != std::string::npos ||
         headers.find("KV-Operation: PURGE") != std::string::npos;
}

// An object with very many keys: our own Json, which keeps their order, takes quadratic time to build one.
using SortedJson = nlohmann::json;
using Event = SortedJson::parse_event_t;

bool Ends(Event event) { return event == Event::object_end || event == Event::array_end; }

// What exceeds the limits is left out while reading, and then the whole is refused.
class KeepWithin {
 public:
  explicit KeepWithin(const JsonLimits& limits) : limits_(limits) {}

  bool within() const { return within_; }
  bool Keep(int depth, Event event) {
    if (!Ends(event) && event != Event::key) {
      within_ = within_ && ++values_ <= limits_.max_values && depth <= static_cast<int>(limits_.max_depth);
    }
    return within_;
  }

 private:
  const JsonLimits limits_;
  std::size_t values_ = 0;
  bool within_ = true;
};

// Leaves out of a page of consumers what only who made a consumer can have made so large: a page has hundreds
// of them, made by anybody, and none is to keep the others from being read.
class KeepUsualConfigs {
 public:
  bool Keep(int depth, Event event, SortedJson& parsed) {
    if (depth == kFieldDepth && event == Event::key) field_ = parsed.get<std::string>();
    if (depth > kFieldDepth) return Count(parsed);
    if (depth == kFieldDepth && !Ends(event)) {
      values_ = 0;
      bytes_ = 0;
    } else if (depth == kFieldDepth && !IsUsual()) {
      parsed = nullptr;
      left_out_.push_back(field_);
    } else if (depth == kFieldDepth - 1 && event == Event::object_end) {
      TakeOut(parsed);
    }
    return true;
  }

 private:
  // { "consumers": [ { "config": { "metadata": …
  static constexpr int kFieldDepth = 4;
  static constexpr std::size_t kMaxValues = 1024;
  static constexpr std::size_t kMaxBytes = 64 << 10;

  bool IsUsual() const { return values_ <= kMaxValues && bytes_ <= kMaxBytes; }
  bool Count(const SortedJson& parsed) {
    ++values_;
    if (parsed.is_string()) bytes_ += parsed.get_ref<const std::string&>().size();
    return IsUsual();
  }

  void TakeOut(SortedJson& config) {
    for (const std::string& field : left_out_) {
      // Without its filters a consumer would seem to be one of everything: it cannot be read.
      if (field != "filter_subjects") config.erase(field);
    }
    left_out_.clear();
  }

  std::string field_;
  std::size_t values_ = 0;  // of one field, keys included
  std::size_t bytes_ = 0;
  std::vector<std::string> left_out_;  // of one configuration
};

template <typename KeepToo>
absl::StatusOr<SortedJson> ParseManyKeys(const std::string& text, const JsonLimits& limits,
                                         const KeepToo& keep_too) {
  if (text.size() > limits.max_bytes) {
    return absl::InternalError(fmt::format("the broker's answer has {} bytes", text.size()));
  }
  KeepWithin keep(limits);
  SortedJson json = SortedJson::parse(
      text,
      [&](int depth, Event event, SortedJson& parsed) {
        return keep_too(depth, event, parsed) && keep.Keep(depth, event);
      },
      /*allow_exceptions=*/false);
  if (!keep.within() || !json.is_object()) return absl::InternalError("the broker's answer cannot be read");
  const auto error = json.find("error");
  if (error != json.end() && error->is_object()) return ErrorOf(Json(*error));
  return json;
}

absl::StatusOr<SubjectPage> ReadSubjectPage(const SortedJson& json) {
  SubjectPage page;
  const auto state = json.find("state");
  if (state == json.end() || !state->is_object()) {
    return absl::InvalidArgumentError("the broker's answer has no object \"state\"");
  }
  // Neither is there if no subject matches.
  const auto subjects = state->find("subjects");
  if (subjects == state->end()) return page;
  const auto total = json.find("total");
  if (!subjects->is_object() || total == json.end() || !total->is_number_unsigned()) {
    return absl::InvalidArgumentError("the broker's answer has no readable \"subjects\" and \"total\"");
  }
  page.total = total->get<std::uint64_t>();
  page.subjects.reserve(subjects->size());
  for (const auto& [subject, count] : subjects->items()) {
    if (!count.is_number_unsigned()) return absl::InvalidArgumentError("a subject's count is no number");
    page.subjects.emplace_back(subject, count.get<std::uint64_t>());
  }
  return page;
}

// Outside a cluster nobody leads.
absl::StatusOr<std::string> LeaderOf(const Json& json) {
  const auto cluster = json.find("cluster");
  if (cluster == json.end() || !cluster->is_object()) return std::string();
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> leader, OptionalString(*cluster, "leader"));
  return leader.value_or("");
}

absl::StatusOr<std::vector<std::string>> CompleteServers(const Json& json) {
  std::vector<std::string> servers;
  MW_ASSIGN_OR_RETURN(std::string leader, LeaderOf(json));
  if (leader.empty()) return servers;
  servers.push_back(std::move(leader));
  const Json& cluster = json["cluster"];
  const auto replicas = cluster.find("replicas");
  if (replicas == cluster.end() || !replicas->is_array()) return servers;
  for (const Json& replica : *replicas) {
    if (!replica.is_object()) continue;
    MW_ASSIGN_OR_RETURN(std::string name, RequiredString(replica, "name"));
    const auto current = replica.find("current");
    // Left out when it is 0.
    const bool lags = replica.contains("lag") && IntegerOr(replica, "lag", 1) != 0;
    if (!lags && current != replica.end() && *current == true) servers.push_back(std::move(name));
  }
  return servers;
}

absl::StatusOr<ConsumerInfo> ReadConsumerInfo(const Json& json) {
  ConsumerInfo info;
  MW_ASSIGN_OR_RETURN(info.stream, RequiredString(json, "stream_name"));
  MW_ASSIGN_OR_RETURN(info.name, RequiredString(json, "name"));
  MW_ASSIGN_OR_RETURN(const Json config, ObjectField(json, "config"));
  MW_ASSIGN_OR_RETURN(info.config, ConsumerConfigFromJson(config));
  MW_ASSIGN_OR_RETURN(const Json delivered, ObjectField(json, "delivered"));
  MW_ASSIGN_OR_RETURN(info.delivered_consumer_seq, UnsignedField(delivered, "consumer_seq"));
  MW_ASSIGN_OR_RETURN(info.delivered_stream_seq, UnsignedField(delivered, "stream_seq"));
  MW_ASSIGN_OR_RETURN(const Json ack_floor, ObjectField(json, "ack_floor"));
  MW_ASSIGN_OR_RETURN(info.ack_floor_consumer_seq, UnsignedField(ack_floor, "consumer_seq"));
  MW_ASSIGN_OR_RETURN(info.ack_floor_stream_seq, UnsignedField(ack_floor, "stream_seq"));
  MW_ASSIGN_OR_RETURN(info.num_pending, UnsignedField(json, "num_pending"));
  MW_ASSIGN_OR_RETURN(info.num_ack_pending, UnsignedField(json, "num_ack_pending"));
  if (json.contains("num_waiting")) {
    MW_ASSIGN_OR_RETURN(info.num_waiting, UnsignedField(json, "num_waiting"));
  }
  MW_ASSIGN_OR_RETURN(info.created, RequiredString(json, "created"));
  info.in_cluster = json.contains("cluster");
  MW_ASSIGN_OR_RETURN(info.leader, LeaderOf(json));
  return info;
}

}  // namespace

std::optional<int> JsErrorCode(const absl::Status& status) {
  const auto payload = status.GetPayload(kCodePayload);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<int>(code) : std::nullopt;
}

bool HasJsError(const absl::Status& status, JsError code) {
  return JsErrorCode(status) == static_cast<int>(code);
}

absl::Status NoLeaderError(std::string_view what) {
  absl::Status status =
      absl::UnavailableError(fmt::format("{} has no leader in its cluster now; try again shortly", what));
  status.SetPayload(kCodePayload, absl::Cord(std::to_string(static_cast<int>(JsError::kNoLeader))));
  return status;
}

absl::StatusOr<Json> DecodeAnswer(absl::StatusOr<NatsMessage> answer) {
  if (!answer.ok()) return std::move(answer).status();
  absl::StatusOr<Json> json = ParseJsonObject(answer->payload, kAnswerLimits);
  if (!json.ok())
    return absl::InternalError("the broker's answer cannot be read: " + MessageOf(json.status()));
  const auto error = json->find("error");
  if (error != json->end() && error->is_object()) return ErrorOf(*error);
  return json;
}

absl::StatusOr<ConsumerInfo> DecodeConsumerInfo(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  return ReadConsumerInfo(json);
}

absl::StatusOr<StreamInfo> DecodeStreamInfo(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  StreamInfo info;
  MW_ASSIGN_OR_RETURN(info.config, ObjectField(json, "config"));
  MW_ASSIGN_OR_RETURN(info.created, RequiredString(json, "created"));
  MW_ASSIGN_OR_RETURN(const Json state, ObjectField(json, "state"));
  MW_ASSIGN_OR_RETURN(info.messages, UnsignedField(state, "messages"));
  MW_ASSIGN_OR_RETURN(info.first_seq, UnsignedField(state, "first_seq"));
  MW_ASSIGN_OR_RETURN(info.last_seq, UnsignedField(state, "last_seq"));
  MW_ASSIGN_OR_RETURN(info.consumers, UnsignedField(state, "consumer_count"));
  MW_ASSIGN_OR_RETURN(info.complete_on, CompleteServers(json));
  return info;
}

absl::StatusOr<StoredMessage> DecodeStoredMessage(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  MW_ASSIGN_OR_RETURN(const Json stored, ObjectField(json, "message"));
  StoredMessage message;
  MW_ASSIGN_OR_RETURN(message.subject, RequiredString(stored, "subject"));
  MW_ASSIGN_OR_RETURN(message.seq, UnsignedField(stored, "seq"));
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> data, OptionalString(stored, "data"));
  MW_ASSIGN_OR_RETURN(message.payload, DecodeBase64(data.value_or("")));
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> headers, OptionalString(stored, "hdrs"));
  MW_ASSIGN_OR_RETURN(const std::string header_text, DecodeBase64(headers.value_or("")));
  message.deleted = IsDeleteMarker(header_text);
  return message;
}

absl::StatusOr<PublishAck> DecodePublishAck(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  PublishAck ack;
  MW_ASSIGN_OR_RETURN(ack.seq, UnsignedField(json, "seq"));
  // A leader (2.10) calls a message a duplicate of one that it is still storing. If it is cut off it never
  // does, and this was its last word.
  if (ack.seq == 0) return NotStoredYet();
  const auto duplicate = json.find("duplicate");
  if (duplicate == json.end()) return ack;
  if (!duplicate->is_boolean())
    return absl::InvalidArgumentError("field \"duplicate\" must be true or false");
  ack.duplicate = duplicate->get<bool>();
  return ack;
}

absl::StatusOr<std::uint64_t> DecodePurge(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  return UnsignedField(json, "purged");
}

absl::StatusOr<std::uint64_t> DecodeConsumerReset(absl::StatusOr<NatsMessage> answer) {
  MW_ASSIGN_OR_RETURN(const Json json, DecodeAnswer(std::move(answer)));
  return UnsignedField(json, "reset_seq");
}

absl::StatusOr<SubjectPage> DecodeSubjectPage(absl::StatusOr<NatsMessage> answer) {
  if (!answer.ok()) return std::move(answer).status();
  const auto keep_all = [](int, Event, const SortedJson&) { return true; };
  MW_ASSIGN_OR_RETURN(const SortedJson json, ParseManyKeys(answer->payload, kSubjectPageLimits, keep_all));
  return ReadSubjectPage(json);
}

absl::StatusOr<ConsumerPage> DecodeConsumerPage(absl::StatusOr<NatsMessage> answer) {
  if (!answer.ok()) return std::move(answer).status();
  KeepUsualConfigs keep_usual;
  const auto keep = [&keep_usual](int depth, Event event, SortedJson& parsed) {
    return keep_usual.Keep(depth, event, parsed);
  };
  MW_ASSIGN_OR_RETURN(const SortedJson json, ParseManyKeys(answer->payload, kConsumerPageLimits, keep));
  ConsumerPage page;
  const auto total = json.find("total");
  if (total == json.end() || !total->is_number_unsigned()) {
    return absl::InvalidArgumentError("field \"total\" must be a number");
  }
  page.total = total->get<std::uint64_t>();
  if (const auto missing = json.find("missing"); missing != json.end() && missing->is_array()) {
    for (const SortedJson& name : *missing) {
      if (!name.is_string()) return absl::InvalidArgumentError("field \"missing\" must be a list of names");
      page.missing.push_back(name.get<std::string>());
    }
  }
  const auto consumers = json.find("consumers");
  if (consumers == json.end() || consumers->is_null()) return page;
  if (!consumers->is_array()) return absl::InvalidArgumentError("field \"consumers\" must be a list");
  page.listed = consumers->size();
  for (const SortedJson& consumer : *consumers) {
    absl::StatusOr<ConsumerInfo> info = ReadConsumerInfo(Json(consumer));
    if (info.ok()) {
      page.consumers.push_back(*std::move(info));
    } else if (const auto name = consumer.find("name"); name != consumer.end() && name->is_string()) {
      page.unreadable.push_back(name->get<std::string>());
    }
  }
  return page;
}

}  // namespace meshwarden
