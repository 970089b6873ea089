// The token rule: how a name becomes one token of a NATS subject.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// `text` without white space at its ends, as JavaScript's String.trim() sees white space (Unicode spaces,
// line and paragraph separators and the byte order mark included). Invalid UTF-8 is not white space.
std::string_view TrimWhiteSpace(std::string_view text);

// The token rule: trimmed, then every UTF-16 unit outside [A-Za-z0-9_-] becomes '_' (a character beyond the
// basic plane is two units, so two '_'; an invalid byte is one); what ends up empty becomes "_".
std::string Token(std::string_view text);

// A token that routes (sender, target, role, service): a literal "*" stays, all else goes through Token().
std::string RoutingToken(std::string_view text);

// True if `text` is non-empty and every character is one of [A-Za-z0-9_-]: the token rule would not change
// it.
bool IsSafeToken(std::string_view text);

}  // namespace meshwarden
