// `meshwarden agent` as a test's child, driven through its standard streams.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"

namespace meshwarden::testing {

// Thread-safe but for CloseInput, Wait and the destructor. Dies with this object and with the test.
class AgentChild {
 public:
  // Starts "manager/meshwarden agent <arguments>"; the test's BUILD rule lists that program in `data`.
  static absl::StatusOr<std::unique_ptr<AgentChild>> Start(const std::vector<std::string>& arguments);
  // Kills the program if it still runs.
  ~AgentChild();
  AgentChild(const AgentChild&) = delete;
  AgentChild& operator=(const AgentChild&) = delete;

  // Writes `line` and a line break to its standard input.
  void SendLine(std::string_view line) const;
  void CloseInput();
  // Takes the first line not yet taken that `wanted` is true of. DeadlineExceeded, or Aborted if both of its
  // streams have ended, with the lines that are there and its standard error in the message.
  absl::StatusOr<Json> AwaitLine(const std::function<bool(const Json&)>& wanted,
                                 std::chrono::milliseconds timeout);
  // Waits for its next line, if none is there.
  absl::StatusOr<Json> NextLine(std::chrono::milliseconds timeout);
  // Sends `line` and takes the reply that has its "ref".
  absl::StatusOr<Json> Call(const Json& line, std::chrono::milliseconds timeout);

  // Leaves what it writes to standard output in the pipe; and on again. What is being read still arrives.
  void PauseReading();
  void ResumeReading();
  // Closes the reading end of its standard output; returns when that is done.
  void CloseOutput();

  void Signal(int signal) const;
  // Waits for the end, and until all of its standard error is here; the exit code, or 128 plus the signal
  // that ended it.
  absl::StatusOr<int> Wait(std::chrono::milliseconds timeout);
  // Resident memory now, in bytes; 0 if the program is gone.
  std::size_t ResidentBytes() const;
  // All of its standard error so far.
  std::string Errors() const;

 private:
  struct Streams {
    int input = -1;
    int output = -1;
    int errors = -1;
  };

  AgentChild(pid_t pid, Streams streams);
  void ReadStreams();
  // False at the end of the stream.
  bool ReadOutput();
  bool ReadErrors();
  void Wake() const;

  const pid_t pid_;
  Streams streams_;
  const int wake_event_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Json> lines_ MW_GUARDED_BY(mutex_);  // not yet taken
  std::string errors_ MW_GUARDED_BY(mutex_);
  bool paused_ MW_GUARDED_BY(mutex_) = false;
  bool drop_output_ MW_GUARDED_BY(mutex_) = false;
  bool output_closed_ MW_GUARDED_BY(mutex_) = false;
  bool closing_ MW_GUARDED_BY(mutex_) = false;
  bool output_ended_ MW_GUARDED_BY(mutex_) = false;
  bool errors_ended_ MW_GUARDED_BY(mutex_) = false;
  std::string unfinished_;  // the reader's
  bool reaped_ = false;
  int exit_code_ = 0;
  std::thread reader_;
};

}  // namespace meshwarden::testing
