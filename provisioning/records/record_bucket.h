// One key of the space's bucket of agents (record_keys.h), read exactly and written by compare-and-set.
//
// Keys hold a secret token, so no error repeats one. Reads are answered by the stream's leader. Nothing
// retries. Thread-safe.
//
// Errors: FailedPrecondition, which says what to do: there is no such bucket. PermissionDenied, Unavailable
// and DeadlineExceeded as the connection has them. Internal: what the broker answered makes no sense here.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

struct StoredKey {
  std::uint64_t revision = 0;        // what a write must name to replace it; 0: nothing was ever there
  std::optional<std::string> value;  // absent: nothing is there, or the marker of something deleted
};

class RecordBucket {
 public:
  // `api` must outlive this object and every call in flight.
  RecordBucket(JetStreamApi& api, std::string_view space);

  template <typename T>
  using Callback = std::function<void(absl::StatusOr<T>)>;

  void GetAsync(std::string_view key, Callback<StoredKey> done) const;
  absl::StatusOr<StoredKey> Get(std::string_view key) const;
  // Whether anything was ever stored under a key that `pattern` matches, markers included.
  void FindAsync(std::string_view pattern, Callback<bool> done) const;
  absl::StatusOr<bool> Find(std::string_view pattern) const;
  // The keys that `pattern` matches, in no order. Takes the rights of profile setup.
  absl::StatusOr<std::vector<std::string>> List(std::string_view pattern) const;

  // The revision at which the value stands now; nothing if the key was not at `revision` any more.
  absl::StatusOr<std::optional<std::uint64_t>> Replace(std::string_view key, std::string_view value,
                                                       std::uint64_t revision) const;
  // The same for whoever writes once: true if the value stands.
  void PutAsync(std::string_view key, std::string_view value, std::uint64_t revision,
                Callback<bool> done) const;
  absl::StatusOr<bool> Put(std::string_view key, std::string_view value, std::uint64_t revision) const;
  // Leaves a marker in the place of whatever is there.
  absl::Status Delete(std::string_view key) const;
  // True if a marker stands now; false if the key was not at `revision` any more.
  absl::StatusOr<bool> DeleteAt(std::string_view key, std::uint64_t revision) const;

 private:
  JetStreamApi& api_;
  const std::string bucket_;
  const std::string stream_;
};

}  // namespace meshwarden
