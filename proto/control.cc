#include "proto/control.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "base/status.h"
#include "proto/given_fields.h"
#include "proto/unknown_fields.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kRequestLimits = {
    .max_bytes = kMaxControlRequestBytes, .max_depth = kMaxControlDepth, .max_values = kMaxControlValues};
// A reply comes from the manager and may list every agent of a space.
constexpr JsonLimits kReplyLimits = {.max_bytes = 1 << 20, .max_depth = 32, .max_values = 20'000};

// A number that only an unsigned type holds counts as the largest that a signed one does.
std::optional<std::int64_t> IntegerOf(const Json& value) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > static_cast<std::uint64_t>(kLargest) ? kLargest : static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return std::nullopt;
}

absl::StatusOr<ControlRequest> DecodeRequestFields(Json object) {
  ControlRequest request;
  request.unknown = TakeUnknownFields(object, {"op", "args", "from", "until"});
  MW_ASSIGN_OR_RETURN(request.from, TakeSender(object));
  MW_ASSIGN_OR_RETURN(request.op, RequiredString(object, "op"));
  if (request.op.empty() || request.op.size() > kMaxOpBytes) {
    return absl::InvalidArgumentError(fmt::format("field \"op\" must have 1 to {} bytes", kMaxOpBytes));
  }
  if (const auto args = object.find("args"); args != object.end() && !args->is_null()) {
    if (!args->is_object()) return absl::InvalidArgumentError("field \"args\" must be an object");
    request.args = std::move(*args);
  }
  if (const Json* until = GivenField(object, "until"); until != nullptr) {
    request.until = IntegerOf(*until);
    if (!request.until) return absl::InvalidArgumentError("field \"until\" must be an integer");
  }
  return request;
}

absl::StatusOr<ControlReply> DecodeReplyFields(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(Json object, ParseJsonObject(payload, kReplyLimits));
  ControlReply reply;
  reply.unknown = TakeUnknownFields(object, {"ok", "data", "error", "code"});
  const auto ok = object.find("ok");
  if (ok == object.end() || !ok->is_boolean()) {
    return absl::InvalidArgumentError("field \"ok\" must be true or false");
  }
  reply.ok = ok->get<bool>();
  if (const auto data = object.find("data"); data != object.end()) reply.data = std::move(*data);
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> error, GivenString(object, "error"));
  MW_ASSIGN_OR_RETURN(const std::optional<std::string> code, GivenString(object, "code"));
  reply.error = error.value_or("");
  reply.code = code.value_or("");
  return reply;
}

}  // namespace

absl::StatusOr<Json> ParseControlRequest(std::string_view payload) {
  absl::StatusOr<Json> object = ParseJsonObject(payload, kRequestLimits);
  if (!object.ok()) return Annotate(object.status(), "control request");
  return object;
}

absl::StatusOr<ControlRequest> ReadControlRequest(const Json& object) {
  absl::StatusOr<ControlRequest> request = DecodeRequestFields(object);
  if (!request.ok()) return Annotate(request.status(), "control request");
  return request;
}

absl::StatusOr<ControlRequest> DecodeControlRequest(std::string_view payload) {
  MW_ASSIGN_OR_RETURN(const Json object, ParseControlRequest(payload));
  return ReadControlRequest(object);
}

std::string EncodeControlRequest(const ControlRequest& request) {
  Json object = ObjectWithRoom(4, request.unknown);
  object["op"] = request.op;
  if (request.args.is_object()) object["args"] = request.args;
  object["from"] = EncodeSender(request.from);
  if (request.until) object["until"] = *request.until;
  AppendUnknownFields(request.unknown, object);
  return DumpJson(object);
}

ControlReply ControlReply::Ok(Json data) {
  ControlReply reply;
  reply.ok = true;
  reply.data = std::move(data);
  return reply;
}

ControlReply ControlReply::Error(std::string code, std::string error) {
  ControlReply reply;
  reply.error = std::move(error);
  reply.code = std::move(code);
  return reply;
}

ControlReply ControlReply::StaleRequest(std::string error, std::int64_t now_ms) {
  ControlReply reply = Error(std::string(kStaleRequest), std::move(error));
  reply.data = {{"now", now_ms}};
  return reply;
}

std::optional<std::int64_t> NowOfStaleRequest(const ControlReply& reply) {
  if (reply.ok || reply.code != kStaleRequest || !reply.data.is_object()) return std::nullopt;
  const Json* now = GivenField(reply.data, "now");
  return now == nullptr ? std::nullopt : IntegerOf(*now);
}

absl::StatusOr<ControlReply> DecodeControlReply(std::string_view payload) {
  absl::StatusOr<ControlReply> reply = DecodeReplyFields(payload);
  if (!reply.ok()) return Annotate(reply.status(), "control reply");
  return reply;
}

std::string EncodeControlReply(const ControlReply& reply) {
  Json object = ObjectWithRoom(4, reply.unknown);
  object["ok"] = reply.ok;
  if (!reply.data.is_null()) object["data"] = reply.data;
  if (!reply.error.empty()) object["error"] = reply.error;
  if (!reply.code.empty()) object["code"] = reply.code;
  AppendUnknownFields(reply.unknown, object);
  return DumpJson(object);
}

}  // namespace meshwarden
