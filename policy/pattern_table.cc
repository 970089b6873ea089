#include "policy/pattern_table.h"

#include <utility>

namespace meshwarden {

absl::StatusOr<std::shared_ptr<const ChannelPattern>> PatternTable::Share(std::string_view text) {
  const auto known = patterns_.find(text);
  if (known != patterns_.end()) return known->second;
  absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(text);
  if (!pattern.ok()) return pattern.status();
  auto shared = std::make_shared<const ChannelPattern>(*std::move(pattern));
  patterns_.emplace(shared->text(), shared);
  return shared;
}

}  // namespace meshwarden
