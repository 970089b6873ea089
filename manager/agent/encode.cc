#include "manager/agent/encode.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "endpoint/api/refusal_code.h"
#include "proto/message.h"

namespace meshwarden {
namespace {

// The stable names that drivers may decide by; the texts are for people. Those of the manager's refusals
// stand in its own codes.
std::string_view CodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return "bad_request";
    case absl::StatusCode::kNotFound:
      return "not_found";
    case absl::StatusCode::kFailedPrecondition:
      return "not_possible";
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return "not_allowed";
    case absl::StatusCode::kUnavailable:
      return "unavailable";
    case absl::StatusCode::kDeadlineExceeded:
      return "no_answer";
    case absl::StatusCode::kResourceExhausted:
      return "too_much";
    default:
      return "internal";
  }
}

constexpr const char* NameOfBool(bool value) { return value ? "true" : "false"; }

}  // namespace

Outcome Done(std::string data) { return {.ok = true, .data = std::move(data), .error = {}, .code = {}}; }

Outcome Failed(const absl::Status& status) {
  return {.ok = false,
          .data = {},
          .error = MessageOf(status),
          .code = RefusalCodeOf(status).value_or(std::string(CodeOf(status.code())))};
}

std::string QuoteJson(std::string_view text) { return DumpJson(Json(std::string(text))); }

std::string ListOf(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list += ',';
    list += text;
  }
  return list + "]";
}

std::string ReadyEvent(std::string_view id, std::string_view space) {
  return fmt::format(R"({{"event":"ready","id":{},"space":{}}})", QuoteJson(id), QuoteJson(space));
}

std::string MessageEvent(const ReceivedMessage& message, const std::optional<std::string>& delivery) {
  return fmt::format(R"({{"event":"message","message":{},"kind":"{}","historical":{}{}}})",
                     EncodeMessage(message.message), NameOf(message.kind), NameOfBool(message.historical),
                     delivery.has_value() ? fmt::format(R"(,"delivery":{})", QuoteJson(*delivery)) : "");
}

std::string PresenceLine(const PresenceEvent& event) {
  return fmt::format(R"({{"event":"presence","type":"{}","presence":{}}})", NameOf(event.type),
                     EncodePresence(event.presence));
}

std::string ConnectionEvent(bool connected) {
  return fmt::format(R"({{"event":"connection","connected":{}}})", NameOfBool(connected));
}

std::string ErrorEvent(const absl::Status& status) {
  return fmt::format(R"({{"event":"error","error":{}}})", QuoteJson(MessageOf(status)));
}

std::string ReplyEvent(const Json& ref, const Outcome& outcome) {
  std::string line =
      fmt::format(R"({{"event":"reply","ref":{},"ok":{})", DumpJson(ref), NameOfBool(outcome.ok));
  if (!outcome.data.empty()) line += ",\"data\":" + outcome.data;
  if (!outcome.ok) line += ",\"error\":" + QuoteJson(outcome.error);
  if (!outcome.code.empty()) line += ",\"code\":" + QuoteJson(outcome.code);
  return line + "}";
}

}  // namespace meshwarden
