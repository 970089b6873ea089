#include "manager/process/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/secret_token.h"
#include "base/text/utf8.h"

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

}  // namespace

absl::StatusOr<LogFormat> LogFormatByName(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError("the log format must be text or json");
}

absl::StatusOr<LogLevel> LogLevelByName(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  if (name == "error") return LogLevel::kError;
  return absl::InvalidArgumentError("the log level must be debug, info, warn or error");
}

Log::Log(const LogOptions& options) : Log(options, std::make_shared<spdlog::sinks::stderr_sink_mt>()) {}

Log::Log(const LogOptions& options, std::shared_ptr<spdlog::sinks::sink> sink)
    : format_(options.format), logger_(std::make_unique<spdlog::logger>("meshwardend", std::move(sink))) {
  logger_->set_pattern(PatternOf(format_), spdlog::pattern_time_type::utc);
  logger_->set_level(SpdlogLevel(options.level));
}

Log::~Log() = default;

void Log::Write(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  const spdlog::level::level_enum spdlog_level = SpdlogLevel(level);
  if (logger_->should_log(spdlog_level)) {
    logger_->log(spdlog_level, spdlog::string_view_t(MaskSecretTokens(Line(format_, message, fields))));
  }
}

}  // namespace meshwarden
