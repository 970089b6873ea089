#include "manager/watch/watch_log.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace meshwarden {

void WatchLog::Tell(Line line) {
  const std::optional<std::uint64_t> held_back =
      limit_.Admit(line.message, line.of, std::chrono::steady_clock::now());
  if (!held_back.has_value()) return;
  if (*held_back > 0) line.fields.push_back({"again", static_cast<std::int64_t>(*held_back)});
  log_.Write(line.level, line.message, line.fields);
}

}  // namespace meshwarden
