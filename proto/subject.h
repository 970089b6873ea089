// Subjects of a space: building them from names and taking them apart again. Pure functions, thread-safe.
//
// All lie under "cotal.<space>". Positions count from 0:
//   multicast   cotal.<space>.chat.<sender>.<channel...>   sender at 3
//   unicast     cotal.<space>.inst.<target>.<sender>       sender at 4
//   anycast     cotal.<space>.svc.<role>.<sender>          sender at 4
//   control     cotal.<space>.ctl.<service>.<sender>       sender at 4
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

std::string SpacePrefix(std::string_view space);
std::string SpaceWildcard(std::string_view space);

// `channel` is split at '.', its segments trimmed, empty ones dropped, '*' and '>' kept as whole segments and
// the others put through the token rule. InvalidArgument if '>' is not the last segment.
absl::StatusOr<std::string> ChatSubject(std::string_view space, std::string_view sender,
                                        std::string_view channel);
std::string UnicastSubject(std::string_view space, std::string_view target, std::string_view sender);
// What a chat durable reads that is to read nothing: a subject that nobody can publish to, since '=' never
// comes out of the token rule.
std::string ParkedChatSubject(std::string_view space);
std::string AnycastSubject(std::string_view space, std::string_view role, std::string_view sender);
std::string ControlSubject(std::string_view space, std::string_view service, std::string_view sender);

enum class SubjectKind { kChat, kInst, kSvc, kCtl };

// How a message reached its receiver; taken from the delivering subject, never from the payload.
enum class Delivery { kChannel, kDm, kAnycast };

struct ParsedSubject {
  SubjectKind kind;
  std::string sender;
  std::string rest;  // chat: the channel; inst: the target; svc: the role; ctl: the service
  bool operator==(const ParsedSubject&) const = default;
};

// Nothing if `subject` is not one of the four shapes above. Does not check the space: see ParseSubjectOf.
std::optional<ParsedSubject> ParseSubject(std::string_view subject);
// The same, and nothing either if the subject lies in another space than `space`.
std::optional<ParsedSubject> ParseSubjectOf(std::string_view space, std::string_view subject);

// The delivery class of a subject; nothing for control subjects and for what is no subject of a space.
std::optional<Delivery> DeliveryOf(std::string_view subject);

// Names as they appear on the wire: "chat", "inst", "svc", "ctl"; "channel", "dm", "anycast".
std::string_view NameOf(SubjectKind kind);
std::string_view NameOf(Delivery delivery);

// Whether the concrete `subject` is matched by `pattern` ('*' one token, '>' one or more, only at the end).
// With a pattern on the right this is no subset test: use PatternCovers for that.
bool SubjectMatches(std::string_view pattern, std::string_view subject);

}  // namespace meshwarden
