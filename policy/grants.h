// What an agent may read, or where it may post: patterns, each with the line of the policy that grants it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml/source_location.h"
#include "proto/channel_pattern.h"

namespace meshwarden {

// One pattern that a policy grants, and the line that grants it.
struct Grant {
  ChannelPattern pattern;
  SourceLocation location;
  std::string via;  // "agent planner", "group engineering", "defaults" or "the built-in default"
};

// One entry of a list. Patterns are shared: many lists of a policy name the same channels.
struct ListedPattern {
  std::shared_ptr<const ChannelPattern> pattern;  // never null
  int line = 0;
  int column = 0;
};

// Whose list it is.
struct GrantOrigin {
  std::shared_ptr<const std::string> file;
  std::string via;  // as in Grant; empty for a list of the agent's own
};

// The patterns of one list of the policy. Shared by all agents that it grants to.
struct GrantList {
  std::shared_ptr<const GrantOrigin> origin;  // never null
  std::vector<ListedPattern> patterns;
};

// The lists that an agent gets. A value: copies share the lists. Thread-safe while const.
class Grants {
 public:
  void Add(std::shared_ptr<const GrantList> list);
  // Adds a list of one.
  void push_back(const Grant& grant);

  // Patterns, repeated ones included.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  // The patterns alone, in the order of the lists and without duplicates.
  std::vector<std::string> Patterns() const;
  // The first single grant that covers `channel` whole.
  std::optional<Grant> FirstCovering(const ChannelPattern& channel) const;
  // True if some grant shares a channel with `channel`.
  bool Overlap(const ChannelPattern& channel) const;

 private:
  std::vector<std::shared_ptr<const GrantList>> lists_;
};

}  // namespace meshwarden
