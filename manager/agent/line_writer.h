// Whole lines to a file descriptor, one after another.
//
// A reader that does not read makes the writers wait: that is how a slow driver holds up the messages that
// are meant for it, instead of letting them pile up here.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace meshwarden {

// Thread-safe. SIGPIPE must be ignored.
class LineWriter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Writes to `fd`, which stays the caller's and keeps its flags. Once the peer of `hangup_fd` (none: -1) has
  // hung up, a line that gets nowhere for `grace` is given up.
  LineWriter(int fd, int hangup_fd, std::chrono::milliseconds grace);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Writes `line`, which has no line break, and a line break. Waits as long as the reader does not read.
  // Unavailable if the reader is gone, DeadlineExceeded if it was given up; every later call fails likewise,
  // so that nothing follows half a line.
  absl::Status Write(std::string line);

  // From now on waits no longer than until `grace` from the first call is over. From any thread.
  void Finish();

 private:
  absl::Status TakeTurn();
  void EndTurn(const absl::Status& status);
  absl::Status WriteAll(std::string_view text);
  // Waits until something can be written.
  absl::Status AwaitRoom();
  std::optional<TimePoint> deadline();

  const int fd_;
  const int hangup_fd_;
  const std::chrono::milliseconds grace_;
  const int finish_event_;
  const bool is_socket_;

  Mutex mutex_;
  CondVar turn_ended_;
  bool busy_ MW_GUARDED_BY(mutex_) = false;
  std::optional<TimePoint> deadline_ MW_GUARDED_BY(mutex_);
  absl::Status fault_ MW_GUARDED_BY(mutex_);  // why nothing can be written any more
};

}  // namespace meshwarden
