// Who had the broker do something: read from where its answer goes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

// The agent whose own durable is called `name` (chat, history reader or direct messages), if it is one's.
std::optional<std::string> AgentOfDurable(std::string_view name);

// The agent whose chat durable is called `name`, if it is one's.
std::optional<std::string> AgentOfChatDurable(std::string_view name);

// The broker names the durable that a message was delivered by in its reply, and lets no client write such a
// reply. Whether the id is of an agent is for its record to say.
struct Suspect {
  std::string stream;
  std::string durable;
  std::string id;    // empty for a role queue, by which every member of the role is delivered to
  std::string role;  // of a role queue
};

// Nothing where the reply names nobody: only the durables of a space's own message streams have names that
// their owners did not choose.
std::optional<Suspect> SuspectOf(std::string_view space, std::string_view reply);

}  // namespace meshwarden
