// Role queues that their stream has fallen behind: found, and made anew.
//
// A task stream is empty most of the time. If nats-server 2.10 is killed while it is, the stream can come
// back counting from 1, while each role's durable still stands where it was. The durable then hands out
// nothing of what is stored below that, though every publisher was told that its task is kept, and neither
// its pending count nor an error shows it. Only a durable made anew hands these tasks out.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "endpoint/jetstream_api.h"

namespace meshwarden {

// A durable that stands beyond its stream's end, or that has passed a task which the stream still has.
struct QueueBehind {
  ConsumerInfo durable;
  std::uint64_t first_task = 0;  // the oldest of the role in the stream; 0: there is none

  // True if an earlier look has found the same.
  bool SameAs(const QueueBehind& earlier) const;
};

// The role queues of `space` that look so now. A task that is acknowledged at this moment can make a sound
// queue look so: only one that is found again a second later is behind. Blocking. NotFound: the space has no
// task stream.
absl::StatusOr<std::vector<QueueBehind>> FindQueuesBehind(JetStreamApi& api, std::string_view space);

// Deletes the durable and makes it anew with its configuration; everything that the stream has for the role
// is handed out by it, also what is with a member now. One that was made anew since it was found is left
// alone. What fails may be tried again with the same finding: until it succeeds the durable can be missing.
// Blocking.
absl::Status RemakeQueue(JetStreamApi& api, const QueueBehind& behind);

}  // namespace meshwarden
