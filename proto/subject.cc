#include "proto/subject.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "proto/segments.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr std::string_view kRoot = "cotal";

// The subject taken apart at its first four dots; the last part keeps what follows them.
struct Parts {
  std::array<std::string_view, 4> head;  // root, space, kind, the token after the kind
  std::string_view tail;
};

std::optional<Parts> Split(std::string_view subject) {
  Parts parts;
  Segments walk(subject);
  for (std::string_view& part : parts.head) {
    if (!walk.Next(part)) return std::nullopt;
  }
  if (walk.done()) return std::nullopt;
  parts.tail = walk.rest();
  return parts;
}

std::optional<SubjectKind> KindNamed(std::string_view name) {
  for (SubjectKind kind : {SubjectKind::kChat, SubjectKind::kInst, SubjectKind::kSvc, SubjectKind::kCtl}) {
    if (NameOf(kind) == name) return kind;
  }
  return std::nullopt;
}

std::string FiveTokens(std::string_view space, SubjectKind kind, std::string_view target,
                       std::string_view sender) {
  return fmt::format("{}.{}.{}.{}", SpacePrefix(space), NameOf(kind), RoutingToken(target),
                     RoutingToken(sender));
}

// The channel as it stands in a subject.
absl::StatusOr<std::string> ChannelTail(std::string_view channel) {
  std::string tail;
  bool after_rest = false;
  Segments walk(channel);
  for (std::string_view segment; walk.Next(segment);) {
    segment = TrimWhiteSpace(segment);
    if (segment.empty()) continue;
    if (after_rest) {
      return absl::InvalidArgumentError(
          fmt::format("channel \"{}\": '>' is only valid as the last segment", channel));
    }
    after_rest = segment == ">";
    if (!tail.empty()) tail.push_back('.');
    tail.append(after_rest ? ">" : RoutingToken(segment));
  }
  return tail.empty() ? "_" : tail;
}

}  // namespace

std::string SpacePrefix(std::string_view space) { return fmt::format("{}.{}", kRoot, Token(space)); }

std::string SpaceWildcard(std::string_view space) { return SpacePrefix(space) + ".>"; }

absl::StatusOr<std::string> ChatSubject(std::string_view space, std::string_view sender,
                                        std::string_view channel) {
  absl::StatusOr<std::string> tail = ChannelTail(channel);
  if (!tail.ok()) return tail.status();
  return fmt::format("{}.{}.{}.{}", SpacePrefix(space), NameOf(SubjectKind::kChat), RoutingToken(sender),
                     *tail);
}

std::string UnicastSubject(std::string_view space, std::string_view target, std::string_view sender) {
  return FiveTokens(space, SubjectKind::kInst, target, sender);
}

std::string ParkedChatSubject(std::string_view space) {
  return fmt::format("{}.chat.=none.=none", SpacePrefix(space));
}

std::string AnycastSubject(std::string_view space, std::string_view role, std::string_view sender) {
  return FiveTokens(space, SubjectKind::kSvc, role, sender);
}

std::string ControlSubject(std::string_view space, std::string_view service, std::string_view sender) {
  return FiveTokens(space, SubjectKind::kCtl, service, sender);
}

std::optional<ParsedSubject> ParseSubject(std::string_view subject) {
  const std::optional<Parts> parts = Split(subject);
  if (!parts || parts->head[0] != kRoot) return std::nullopt;
  const std::optional<SubjectKind> kind = KindNamed(parts->head[2]);
  if (!kind) return std::nullopt;
  const std::string fourth(parts->head[3]);
  const std::string tail(parts->tail);
  if (*kind == SubjectKind::kChat) return ParsedSubject{*kind, fourth, tail};
  if (tail.find('.') != std::string::npos) return std::nullopt;
  return ParsedSubject{*kind, tail, fourth};
}

std::optional<ParsedSubject> ParseSubjectOf(std::string_view space, std::string_view subject) {
  const std::optional<Parts> parts = Split(subject);
  if (!parts || parts->head[1] != Token(space)) return std::nullopt;
  return ParseSubject(subject);
}

std::optional<Delivery> DeliveryOf(std::string_view subject) {
  const std::optional<ParsedSubject> parsed = ParseSubject(subject);
  if (!parsed) return std::nullopt;
  switch (parsed->kind) {
    case SubjectKind::kChat:
      return Delivery::kChannel;
    case SubjectKind::kInst:
      return Delivery::kDm;
    case SubjectKind::kSvc:
      return Delivery::kAnycast;
    case SubjectKind::kCtl:
      break;
  }
  return std::nullopt;
}

std::string_view NameOf(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::kChat:
      return "chat";
    case SubjectKind::kInst:
      return "inst";
    case SubjectKind::kSvc:
      return "svc";
    case SubjectKind::kCtl:
      break;
  }
  return "ctl";
}

std::string_view NameOf(Delivery delivery) {
  switch (delivery) {
    case Delivery::kChannel:
      return "channel";
    case Delivery::kDm:
      return "dm";
    case Delivery::kAnycast:
      break;
  }
  return "anycast";
}

bool SubjectMatches(std::string_view pattern, std::string_view subject) {
  Segments pattern_walk(pattern);
  Segments subject_walk(subject);
  std::string_view wanted;
  std::string_view segment;
  while (pattern_walk.Next(wanted)) {
    if (!subject_walk.Next(segment)) return false;
    if (wanted == ">") return true;
    if (wanted != "*" && wanted != segment) return false;
  }
  return subject_walk.done();
}

}  // namespace meshwarden
