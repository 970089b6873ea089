// The keys under which a manager and those who provision keep what is theirs, in the space's bucket of
// agents.
//
// Whatever can be guessed there can be written over by others, so all of them begin with a secret token:
//
//   <token>.rec.<id>                        the record of an agent (agent_record.h)
//   <token>.place.agent.<hex of name>.<n>   the n-th of the places that the policy gives an agent's instances
//   <token>.place.owner.<root>.<n>          and of those that a launcher may start
//   <token>.lease.<name>                    what one of several managers holds for a while
//   <token>.policy.<name>                   what managers tell each other of their policy
//   <token>.moved                           stands once nothing of an earlier version counts any more
//
// Spaces of an earlier version have their records under the bare <id>.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meshwarden {

// The keys of one space. Const only, so thread-safe.
class RecordKeys {
 public:
  // `token`: SpaceSecrets::records; empty if it is not known. Then there are no keys but the bare ids.
  explicit RecordKeys(std::string_view token) : token_(token) {}

  bool known() const { return !token_.empty(); }
  // Only if known(). An `id`, a `root` and a `name` must be one token of [A-Za-z0-9_-].
  std::string Record(std::string_view id) const;
  std::string AgentPlace(std::string_view agent, std::uint32_t number) const;
  std::string OwnerPlace(std::string_view root, std::uint32_t number) const;
  std::string Lease(std::string_view name) const;
  std::string Policy(std::string_view name) const;
  std::string Moved() const;

 private:
  std::string token_;
};

// What matches Moved() of any token: how one who knows none learns that the records have moved.
inline constexpr std::string_view kMovedUnderAnyToken = "*.moved";

// Whether `key` is exactly that of a record of an earlier version: an id and nothing else.
bool IsEarlierRecordKey(std::string_view key);

}  // namespace meshwarden
