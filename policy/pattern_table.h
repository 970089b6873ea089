// Each channel pattern of a policy once, however many lists name it.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string_view>
#include <unordered_map>

#include "proto/channel_pattern.h"

namespace meshwarden {

// Not synchronised. The patterns outlive the table where they are in use.
class PatternTable {
 public:
  // The pattern with this text; the error of ChannelPattern::Parse if it is none.
  absl::StatusOr<std::shared_ptr<const ChannelPattern>> Share(std::string_view text);

 private:
  std::unordered_map<std::string_view, std::shared_ptr<const ChannelPattern>> patterns_;  // by their own text
};

}  // namespace meshwarden
