// Watching a bucket: the last record of each key, then the changes. Of several that follow each other closely
// under one key perhaps only the last is seen: the bucket keeps no more.
//
// The consumer behind it is one that an agent's credential may make: ephemeral, named, on the bucket's whole
// subject, pushing to the connection's own inbox, with flow control and idle heartbeats. A gap in what
// arrives, or silence for two heartbeats, and it is made anew. A new one begins with the last records again:
// a broker does not tell whether the sequence that one would go on from is still one of the same bucket (2.10
// does by where it begins, 2.15 not always). Lives at most as long as one bound connection.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

struct BucketEntry {
  std::string key;
  std::string payload;
  std::uint64_t seq = 0;
  bool deleted = false;  // a delete or purge marker
};

class BucketWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::string bucket;
    std::chrono::milliseconds heartbeat{5000};
    // How long the broker keeps the consumer of a connection that is gone.
    std::chrono::milliseconds inactive_threshold{30'000};
    // How long Start waits for the broker's first word; zero: as long as the API does.
    std::chrono::milliseconds first_timeout{0};
    // How long Start waits for the records that are there.
    std::chrono::milliseconds snapshot_timeout{2000};
    // Called for one entry at a time, in stream order, on a thread of the connection; must be brief. After
    // the bucket was made anew its entries begin again.
    std::function<void(const BucketEntry&)> on_entry;
    // The watch could not be made anew; the next Check tries again. May be null.
    std::function<void(const absl::Status&)> on_error;
  };

  // Returns once the broker has made the consumer and on_entry has been called for the records that are there
  // already; those that a slow broker does not bring within snapshot_timeout come later. `connection` and
  // `api` must outlive the watch. Not on a thread of the connection.
  static absl::StatusOr<std::unique_ptr<BucketWatch>> Start(Connection& connection, JetStreamApi& api,
                                                            Options options);
  // Ends it; afterwards on_entry is not running and will not be called. Not to be called within on_entry.
  virtual ~BucketWatch() = default;

  // To be called about once a second, on any thread but the connection's: looks for silence and gaps, and
  // begins to make the consumer anew, without blocking.
  virtual void Check(TimePoint now) = 0;
};

}  // namespace meshwarden
