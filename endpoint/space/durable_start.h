// Where a durable goes on that is made in the place of another one. Rules only: no clock, no broker.
#pragma once

#include <chrono>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/jetstream/jetstream_config.h"

namespace meshwarden {

// Behind what the reader of `replaced` has acknowledged and, if that is nothing, where `replaced` began: not
// ahead of it, which would be history to its reader. A broker may have forgotten when that was; then as long
// before `now` as a message may wait for its acknowledgement (`ack_wait`). Const only, so thread-safe.
DurableStart StartBehind(const ConsumerInfo& replaced, std::chrono::system_clock::time_point now,
                         std::chrono::nanoseconds ack_wait);

}  // namespace meshwarden
