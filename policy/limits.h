// Bounds on a policy. Each is checked while loading; what is past one is refused with a message that names
// it.
#pragma once

#include <cstddef>

namespace meshwarden {

// Text. What holds for a single file stands in base/yaml/limits.h.
inline constexpr std::size_t kMaxPolicyBytes = 32 << 20;  // of all files of a folder
inline constexpr std::size_t kMaxPolicyFiles = 1'000;

// Contents.
inline constexpr std::size_t kMaxPolicyAgents = 50'000;
inline constexpr std::size_t kMaxPolicyGroups = 1'000;
inline constexpr std::size_t kMaxPolicyLaunchers = 1'000;
inline constexpr std::size_t kMaxNameBytes = 64;  // space, agents, groups, launchers, roles
inline constexpr std::size_t kMaxSubscribeChannels = 64;
// Patterns in one allowSubscribe or allowPublish, and what an agent may have of either with its groups. Each
// takes some 200 bytes of the agent's JWT, which has to fit in one control line of 64 KiB.
inline constexpr std::size_t kMaxGrantPatterns = 256;
inline constexpr std::size_t kMaxGroupsOfAgent = 32;
inline constexpr std::size_t kMaxCapabilities = 16;
inline constexpr std::size_t kMaxMayProvision = 10'000;
inline constexpr int kMaxInstances = 10'000;

}  // namespace meshwarden
