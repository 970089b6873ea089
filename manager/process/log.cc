#include "manager/process/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/secret_token.h"
#include "base/text/utf8.h"
#include "manager/process/log_output.h"

namespace meshwarden {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

const char* PatternOf(LogFormat format) {
  return format == LogFormat::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                    : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
}

// `text` as a string of JSON, in ASCII. Not base/text's Quoted, which leaves what a person can read: a log is
// read by programs too, in whatever encoding.
std::string AsciiJson(std::string_view text) {
  std::string shown(FirstBytes(text, kMaxLogValueBytes));
  if (shown.size() < text.size()) {
    shown += "...";
  }
  return Json(std::move(shown)).dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

bool IsPlain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLogValueBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '=' && c != '[' && c != ']' &&
                  c != ',';
         });
}

std::string TextValue(std::string_view text) { return IsPlain(text) ? std::string(text) : AsciiJson(text); }

std::string JoinedList(std::span<const std::string> items, std::string_view separator, LogFormat format) {
  std::string list = "[";
  for (std::size_t i = 0; i < items.size(); ++i) {
    list += i == 0 ? "" : separator;
    list += format == LogFormat::kJson ? AsciiJson(items[i]) : TextValue(items[i]);
  }
  return list + "]";
}

std::string ValueOf(const LogField& field, LogFormat format) {
  return std::visit(Overloaded{
                        [format](std::string_view text) {
                          return format == LogFormat::kJson ? AsciiJson(text) : TextValue(text);
                        },
                        [](std::int64_t number) { return fmt::format("{}", number); },
                        [](double number) { return fmt::format("{:.3f}", number); },
                        [format](std::span<const std::string> items) {
                          return JoinedList(items, format == LogFormat::kJson ? "," : ", ", format);
                        },
                    },
                    field.value);
}

std::string Line(LogFormat format, std::string_view message, std::span<const LogField> fields) {
  if (format == LogFormat::kJson) {
    std::string line = "\"msg\":" + AsciiJson(message);
    for (const LogField& field : fields) {
      line += fmt::format(",\"{}\":{}", field.key, ValueOf(field, format));
    }
    return line;
  }
  std::string line(message);
  for (const LogField& field : fields) {
    line += fmt::format(" {}={}", field.key, ValueOf(field, format));
  }
  return line;
}

constexpr char kName[] = "meshwardend";

// Formats a line on the thread that writes it, and leaves the rest to a LogOutput.
class OutputSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  OutputSink(int fd, LogFormat format)
      : format_(format),
        output_(fd, {.tell_dropped = [this](std::uint64_t dropped) { return DroppedLine(dropped); }}) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    output_.Put(Formatted(*formatter_, message));
  }
  void flush_() override {}

  static std::string Formatted(spdlog::formatter& formatter, const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t text;
    formatter.format(message, text);
    return std::string(text.data(), text.size());
  }
  // On the output's thread, which must not use the formatter of the others.
  std::string DroppedLine(std::uint64_t dropped) const {
    const std::string line =
        Line(format_, "lines of the log were dropped: nobody read them, or they could not be written",
             std::array{LogField{"dropped", static_cast<std::int64_t>(dropped)}});
    spdlog::pattern_formatter formatter(PatternOf(format_), spdlog::pattern_time_type::utc);
    return Formatted(formatter, {kName, spdlog::level::warn, line});
  }

  const LogFormat format_;
  LogOutput output_;
};

}  // namespace

absl::StatusOr<LogFormat> LogFormatByName(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError("the log format must be text or json");
}

absl::StatusOr<LogLevel> LogLevelByName(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn" || name == "warning") return LogLevel::kWarn;
  if (name == "error") return LogLevel::kError;
  return absl::InvalidArgumentError("the log level must be debug, info, warn (or warning) or error");
}

Log::Log(const LogOptions& options)
    : Log(options, std::make_shared<OutputSink>(STDERR_FILENO, options.format)) {}

Log::Log(const LogOptions& options, std::shared_ptr<spdlog::sinks::sink> sink)
    : format_(options.format), logger_(std::make_unique<spdlog::logger>(kName, std::move(sink))) {
  logger_->set_pattern(PatternOf(format_), spdlog::pattern_time_type::utc);
  logger_->set_level(SpdlogLevel(options.level));
  // What spdlog makes of its own faults it would write to standard error itself, whoever waits for that.
  logger_->set_error_handler([](const std::string&) {});
}

Log::~Log() = default;

void Log::Write(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  const spdlog::level::level_enum spdlog_level = SpdlogLevel(level);
  if (logger_->should_log(spdlog_level)) {
    logger_->log(spdlog_level, spdlog::string_view_t(MaskSecretTokens(Line(format_, message, fields))));
  }
}

}  // namespace meshwarden
