#include "endpoint/delivery/inbound.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "base/status.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxSubjectBytes = 1024;

// The subject by which `sender` reaches this endpoint on the context's stream; `channel` is for chat only.
absl::StatusOr<std::string> SubjectFrom(const InboundContext& context, std::string_view sender,
                                        std::string_view channel) {
  switch (context.stream) {
    case Delivery::kChannel:
      return ChatSubject(context.space, sender, channel);
    case Delivery::kDm:
      return UnicastSubject(context.space, context.own_id, sender);
    case Delivery::kAnycast:
      break;
  }
  if (context.own_role.empty()) return absl::FailedPreconditionError("this endpoint has no role");
  return AnycastSubject(context.space, context.own_role, sender);
}

// The parts of `subject`, if it is letter for letter what its sender writes to reach this endpoint. Positions
// of tokens alone would let a subject of one kind pass for another.
std::optional<ParsedSubject> ParseAddressed(const InboundContext& context, std::string_view subject) {
  if (subject.size() > kMaxSubjectBytes) return std::nullopt;
  if (subject.find_first_of("*>") != std::string_view::npos) return std::nullopt;
  std::optional<ParsedSubject> parsed = ParseSubjectOf(context.space, subject);
  if (!parsed) return std::nullopt;
  const absl::StatusOr<std::string> expected = SubjectFrom(context, parsed->sender, parsed->rest);
  if (!expected.ok() || *expected != subject) return std::nullopt;
  return parsed;
}

// Not the subject itself: it is hostile text.
std::string WrongSubject(const InboundContext& context) {
  const absl::StatusOr<std::string> shape = SubjectFrom(context, "*", ">");
  if (!shape.ok()) return MessageOf(shape.status());
  return fmt::format("its subject does not have the shape {}", *shape);
}

Destination DestinationOf(const InboundContext& context, std::string_view subject,
                          const ParsedSubject& parsed, Destination written) {
  switch (context.stream) {
    case Delivery::kChannel:
      break;
    case Delivery::kDm:
      return {context.stream, std::string(context.own_id)};
    case Delivery::kAnycast:
      return {context.stream, std::string(context.own_role)};
  }
  if (written.delivery == Delivery::kChannel && !written.name.empty()) {
    const absl::StatusOr<std::string> same = ChatSubject(context.space, parsed.sender, written.name);
    if (same.ok() && *same == subject) return written;
  }
  return {context.stream, parsed.rest};
}

Inbound Refuse(std::string problem) {
  Inbound refused;
  refused.problem = std::move(problem);
  return refused;
}

}  // namespace

Inbound Examine(const InboundContext& context, std::string_view subject, std::string_view payload) {
  std::optional<ParsedSubject> parsed = ParseAddressed(context, subject);
  if (!parsed) return Refuse(WrongSubject(context));
  absl::StatusOr<MeshMessage> message = DecodeMessage(payload);
  if (!message.ok()) {
    return Refuse(fmt::format("its payload, sent by {}, can't be read: {}", parsed->sender,
                              MessageOf(message.status())));
  }
  if (message->from.id != parsed->sender) {
    return Refuse(fmt::format("its \"from\" is not its sender, {}", parsed->sender));
  }
  Inbound inbound;
  inbound.verdict =
      parsed->sender == context.own_id ? Inbound::Verdict::kOwnEcho : Inbound::Verdict::kAuthentic;
  inbound.message = *std::move(message);
  inbound.message.space = context.space;
  inbound.message.destination =
      DestinationOf(context, subject, *parsed, std::move(inbound.message.destination));
  if (parsed->kind == SubjectKind::kChat) inbound.channel = std::move(parsed->rest);
  return inbound;
}

}  // namespace meshwarden
