// The watcher's lines in the log: bounded in number, whatever is done to a space.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manager/process/log.h"
#include "manager/process/repeat_limit.h"

namespace meshwarden {

// For one thread at a time.
class WatchLog {
 public:
  // `log` must outlive this object.
  explicit WatchLog(Log& log) : log_(log), limit_(RepeatLimit::Options{}) {}

  struct Line {
    LogLevel level;
    std::string_view message;
    std::string_view of;  // what it is about: lines of the same message are counted for each
    std::vector<LogField> fields = {};
  };
  // Writes the line, or counts it if one of the same message about the same was written a moment ago.
  void Tell(Line line);

 private:
  Log& log_;
  RepeatLimit limit_;
};

}  // namespace meshwarden
