// The daemon's log: one line an event, a message and named values, as text or as JSON.
//
//   text  2026-05-04T10:11:12.013Z info  decision op=setChannels agent=planner channels=[general, team.a]
//   json  {"ts":"2026-05-04T10:11:12.013Z","level":"info","msg":"decision","op":"setChannels", ...}
//
// Values are of unknown origin: they are escaped to printable ASCII and bounded, so that no value can end a
// line, pretend to be another field, or steer a terminal.
//
// Nobody who writes waits for whoever reads: see log_output.h.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace meshwarden {

enum class LogFormat { kText, kJson };
enum class LogLevel { kDebug, kInfo, kWarn, kError };

// From "text" and "json"; from "debug", "info", "warn" (or "warning", as lines have it) and "error".
// InvalidArgument names the choices.
absl::StatusOr<LogFormat> LogFormatByName(std::string_view name);
absl::StatusOr<LogLevel> LogLevelByName(std::string_view name);

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;
};

// Longest text value that a line shows, in bytes; longer ones are cut.
inline constexpr std::size_t kMaxLogValueBytes = 1024;

// A named value of a line. `key` is ours, never input. Holds no copies: use it within the call.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, std::span<const std::string>> value;
};

// Thread-safe.
class Log {
 public:
  // To standard error. SIGPIPE must be ignored; no thread may have been started that takes signals.
  explicit Log(const LogOptions& options);
  // To `sink`; for tests.
  Log(const LogOptions& options, std::shared_ptr<spdlog::sinks::sink> sink);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Write(LogLevel level, std::string_view message, std::span<const LogField> fields);
  void Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(level, message, std::span<const LogField>(fields.begin(), fields.size()));
  }

 private:
  const LogFormat format_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace meshwarden
