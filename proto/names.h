// Names of the streams, buckets, consumers and services of a space. Each part goes through the token rule.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

std::string ChatStream(std::string_view space);
std::string DmStream(std::string_view space);
std::string TaskStream(std::string_view space);

std::string PresenceBucket(std::string_view space);
std::string ChannelBucket(std::string_view space);
// Ours, not the peers': who was provisioned as which agent of the policy.
std::string AgentBucket(std::string_view space);
// The stream behind a bucket ("KV_<bucket>") and the subject of a key in it ("$KV.<bucket>.<key>").
std::string BucketStream(std::string_view bucket);
std::string BucketSubject(std::string_view bucket, std::string_view key);

std::string ChatDurable(std::string_view id);
std::string ChatHistoryConsumer(std::string_view id);
std::string DmDurable(std::string_view id);
std::string TaskDurable(std::string_view role);

// "_INBOX_<id>": what every connection of `id` uses as its inbox prefix, without the dot that follows it.
std::string InboxPrefix(std::string_view id);

inline constexpr std::string_view kSelfService = "self";
inline constexpr std::string_view kManagerService = "manager";
inline constexpr std::string_view kAdminService = "admin";
// Key of the channel registry's defaults of the whole space.
inline constexpr std::string_view kChannelDefaultsKey = "=defaults";

}  // namespace meshwarden
