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

#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

// A durable that stands beyond its stream's end, or that has passed a task which the stream still has.
struct QueueBehind {
  ConsumerInfo durable;
  // The durable is beyond the end of a stream with one replica, where that has no other cause. Later looks
  // may not show it any more, as the stream grows.
  bool certain = false;
  std::uint64_t first_task = 0;  // the oldest of the role in the stream; 0: there is none

  // True if an earlier look has found the same.
  bool SameAs(const QueueBehind& earlier) const;
};

// The role queues of `space` that look so now. What is not certain has to be found again a second later to
// count: a task that is acknowledged at this moment, or a replica that lags, can make a sound queue look so.
// A task that was done, and came back as the broker was killed, looks like one that was passed over.
// Blocking. NotFound: the space has no task stream.
absl::StatusOr<std::vector<QueueBehind>> FindQueuesBehind(JetStreamApi& api, std::string_view space);

// Deletes the durable and makes it anew with its configuration; everything that the stream has for the role
// is handed out by it, also what is with a member now. False: it was made anew since it was found, and is
// left alone. What fails may be tried again with the same finding; until that succeeds the durable can be
// missing. Blocking.
absl::StatusOr<bool> RemakeQueue(JetStreamApi& api, const QueueBehind& behind);

}  // namespace meshwarden
