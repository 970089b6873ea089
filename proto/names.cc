#include "proto/names.h"

#include <fmt/format.h>

#include "proto/token.h"

namespace meshwarden {

std::string ChatStream(std::string_view space) { return "CHAT_" + Token(space); }
std::string DmStream(std::string_view space) { return "DM_" + Token(space); }
std::string TaskStream(std::string_view space) { return "TASK_" + Token(space); }

std::string PresenceBucket(std::string_view space) { return "cotal_presence_" + Token(space); }
std::string ChannelBucket(std::string_view space) { return "cotal_channels_" + Token(space); }
std::string AgentBucket(std::string_view space) { return "meshwarden_agents_" + Token(space); }

std::string BucketStream(std::string_view bucket) { return fmt::format("KV_{}", bucket); }
std::string BucketSubject(std::string_view bucket, std::string_view key) {
  return fmt::format("$KV.{}.{}", bucket, key);
}

std::string ChatDurable(std::string_view id) { return "chat_" + Token(id); }
std::string ChatHistoryConsumer(std::string_view id) { return "chathist_" + Token(id); }
std::string DmDurable(std::string_view id) { return "dm_" + Token(id); }
std::string TaskDurable(std::string_view role) { return "svc_" + Token(role); }

std::string InboxPrefix(std::string_view id) { return "_INBOX_" + Token(id); }

}  // namespace meshwarden
