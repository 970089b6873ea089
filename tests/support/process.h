// A program that a test starts, watches and ends.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace meshwarden::testing {

struct ProcessOptions {
  std::vector<std::string> argv;                                      // argv[0] is the path of the program
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to the test's own
  std::string directory = {};                                         // empty: the test's own
  std::string error_path = {};  // where its standard error goes instead of being gathered, if anywhere
};

// Output of both streams is gathered; the child dies with this object and with the test. Thread-safe.
class Process {
 public:
  static absl::StatusOr<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  // Kills the program if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // All that was printed so far.
  std::string Output() const;
  // Waits until `text` has been printed; DeadlineExceeded, or Aborted if the program ended without it, with
  // the output in the message.
  absl::Status WaitForOutput(std::string_view text, std::chrono::milliseconds timeout);

  // From now on reads nothing of what it prints, but for some kilobytes; or goes on reading.
  void StallOutput(bool stalled);

  void Signal(int signal) const;
  // Waits for the end; the exit code, or 128 plus the signal that ended it.
  absl::StatusOr<int> Wait(std::chrono::milliseconds timeout);
  // Resident memory now, in bytes; 0 if the program is gone.
  std::size_t ResidentBytes() const;

 private:
  Process(pid_t pid, int output_fd);
  void ReadOutput();
  void AwaitTurnToRead();

  const pid_t pid_;
  const int output_fd_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::string output_ MW_GUARDED_BY(mutex_);
  bool output_ended_ MW_GUARDED_BY(mutex_) = false;
  bool stalled_ MW_GUARDED_BY(mutex_) = false;
  bool reaped_ = false;
  int exit_code_ = 0;
  std::thread reader_;
};

// Runs a program to its end: exit code and output.
struct Finished {
  int exit_code = -1;
  std::string output;
};
absl::StatusOr<Finished> RunProgram(const ProcessOptions& options, std::chrono::milliseconds timeout);

// The path of a file that the test's BUILD rule lists in `data`, given as "package/name" (of this workspace)
// or "external/repository/name".
std::string Runfile(std::string_view path);

}  // namespace meshwarden::testing
