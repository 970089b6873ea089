// Lines on their way to whoever reads the log. Who writes them never waits for that reader.
//
// Lines wait in a bounded queue for a thread of their own. Where nobody reads for so long that there is no
// more room, the oldest of them are dropped; the same goes for what can't be written, since a disk is full or
// nobody is there to read. What was dropped is counted, and told in a line of its own, in its place, as soon
// as a line can be written again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"

namespace meshwarden {

// Thread-safe. SIGPIPE must be ignored.
class LogOutput {
 public:
  struct Options {
    std::size_t max_bytes = 1 << 20;        // of lines that wait
    std::chrono::milliseconds grace{1000};  // how long the end waits for a reader
    // The line, with its line break, that tells how many were dropped. Called on the output's thread.
    std::function<std::string(std::uint64_t dropped)> tell_dropped;
  };
  // Writes to `fd`, which stays the caller's and keeps its flags.
  LogOutput(int fd, Options options);
  // Writes what waits, for `grace` at most.
  ~LogOutput();
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  // Takes a line, with its line break. Does not block.
  void Put(std::string line) MW_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Next {
    std::string line;
    std::uint64_t dropped = 0;  // how many are missing before it
  };

  void Run();
  // Waits for a line; nothing at the end.
  std::optional<Next> Take() MW_EXCLUDES(mutex_);
  // False if it could not be told, or not in time; true if there is nothing to tell.
  bool TellDropped(std::uint64_t count) MW_EXCLUDES(mutex_);
  void CouldNotWrite() MW_EXCLUDES(mutex_);
  // False if it could not be written, or not in time.
  bool WriteLine(std::string line);
  bool AwaitRoom();
  std::optional<Time> deadline() MW_EXCLUDES(mutex_);
  static std::size_t Cost(const std::string& line) { return line.size() + sizeof(std::string); }

  const Options options_;
  const int fd_;         // own
  const int end_event_;  // can be read once the end has begun
  const bool is_socket_;
  bool within_line_ = false;  // the last line was not written to its end; the thread's

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> lines_ MW_GUARDED_BY(mutex_);
  std::size_t bytes_ MW_GUARDED_BY(mutex_) = 0;      // of lines_
  std::uint64_t dropped_ MW_GUARDED_BY(mutex_) = 0;  // before the first of lines_, not told yet
  std::optional<Time> deadline_ MW_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace meshwarden
