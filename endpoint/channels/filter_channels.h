// A chat durable's filter, read as channels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_config.h"

namespace meshwarden {

struct FilterChannels {
  std::vector<std::string> channels;  // and patterns, in the filter's order; none if it is parked
  // What no channel tells: filters of another shape, or "everything" for a durable without any.
  std::vector<std::string> unreadable;
};

FilterChannels ReadFilter(std::string_view space, const ConsumerConfig& durable);

}  // namespace meshwarden
