// The policy: which agents exist and what each may read, post and start.
//
// A Policy is an immutable value that knows nothing of YAML or NATS. It answers questions with verdicts: the
// answer together with the rule that gave it, so that a reply, a log line and `meshwarden policy explain` all
// say the same. Thread-safe (const only); share it as std::shared_ptr<const Policy>.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml/source_location.h"
#include "policy/grants.h"
#include "proto/channel_pattern.h"

namespace meshwarden {

// What the policy says of one agent, groups and defaults worked in.
struct AgentPolicy {
  std::string name;
  SourceLocation location;
  std::optional<std::string> id;  // pinned identity (public user nkey)
  std::optional<std::string> role;
  std::vector<std::string>
      subscribe;  // channels at birth; covered by allow_subscribe; never empty once loaded
  Grants allow_subscribe;
  Grants allow_publish;
  std::vector<std::string> capabilities;
  std::vector<std::string> may_provision;
  std::optional<int> max_instances;
  std::optional<std::chrono::milliseconds> credential_ttl;

  // The patterns alone, in the order of the grants and without duplicates.
  std::vector<std::string> AllowSubscribePatterns() const { return allow_subscribe.Patterns(); }
  std::vector<std::string> AllowPublishPatterns() const { return allow_publish.Patterns(); }
};

// An answer and its reason. Made by the named factories only.
class Verdict {
 public:
  static Verdict AllowedBy(Grant grant);
  // `reason` says what would have to be there.
  static Verdict Refused(std::string reason);

  bool allowed() const { return grant_.has_value(); }
  // The rule that allows; only if allowed().
  const Grant& grant() const { return *grant_; }
  // One sentence: the rule with its place, or why nothing allows it.
  std::string Explain() const;

 private:
  std::optional<Grant> grant_;
  std::string reason_;
};

class Policy {
 public:
  // Checks what spans agents (unique names and ids); single agents are the loader's affair.
  static absl::StatusOr<std::shared_ptr<const Policy>> Create(std::string space, std::string revision,
                                                              std::vector<AgentPolicy> agents);

  const std::string& space() const { return space_; }
  // Changes whenever the policy's text does: a hash of what was loaded.
  const std::string& revision() const { return revision_; }
  std::size_t size() const { return agents_.size(); }

  // The agent of that name, or null. The pointer lives as long as the policy.
  const AgentPolicy* FindByName(std::string_view name) const;
  // The agent that is pinned to the identity `id`, or null.
  const AgentPolicy* FindByPinnedId(std::string_view id) const;
  // In the order of the files.
  const std::vector<AgentPolicy>& agents() const { return agents_; }

 private:
  Policy() = default;
  absl::Status Index();

  std::string space_;
  std::string revision_;
  std::vector<AgentPolicy> agents_;
  // Indices into agents_, ordered by name and by id.
  std::vector<std::uint32_t> by_name_;
  std::vector<std::uint32_t> by_id_;
};

// May `agent` subscribe to `channel` (a concrete channel or a pattern)? One single grant must cover it whole.
Verdict MaySubscribe(const AgentPolicy& agent, const ChannelPattern& channel);
// May `agent` post to `channel`?
Verdict MayPublish(const AgentPolicy& agent, const ChannelPattern& channel);

}  // namespace meshwarden
