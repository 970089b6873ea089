// Lines from a file descriptor, within bounds.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>

namespace meshwarden {

class LineReader {
 public:
  struct Line {
    std::string text;       // without its line break; empty if too long
    bool too_long = false;  // it was skipped to its end
  };

  // Reads from `fd`, which stays the caller's. Lines of more than `max_bytes` are too long.
  LineReader(int fd, std::size_t max_bytes);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Waits for the next line, which may be blank; nothing at the end of the input, which also ends an
  // unfinished line that has begun, or once stopped.
  std::optional<Line> Next();
  // Makes Next() return nothing, from now on and where it waits. From any thread.
  void Stop();

 private:
  // The next line in the buffer, if its end is there.
  std::optional<Line> TakeLine();
  Line Finish(std::size_t end);
  // Waits for more input; false at its end or once stopped.
  bool Fill();

  const int fd_;
  const std::size_t max_bytes_;
  const int stop_event_;
  std::atomic<bool> stopped_{false};
  std::string buffer_;
  std::size_t begin_ = 0;    // of the line that is being read
  std::size_t scanned_ = 0;  // up to here there is no end of it
  bool skipping_ = false;    // it is too long
};

}  // namespace meshwarden
