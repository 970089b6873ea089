#include "proto/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "base/text/printable.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> UnitNamed(char unit) {
  switch (unit) {
    case 's':
      return std::chrono::seconds(1);
    case 'm':
      return std::chrono::minutes(1);
    case 'h':
      return std::chrono::hours(1);
    case 'd':
      return std::chrono::hours(24);
    default:
      return std::nullopt;
  }
}

absl::Status Invalid(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("invalid duration {} — expected <number><s|m|h|d>, e.g. \"24h\"", Quoted(text)));
}

absl::Status TooLong(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("duration {} is longer than the {} days allowed", Quoted(text),
                  std::chrono::duration_cast<std::chrono::hours>(kMaxDuration).count() / 24));
}

}  // namespace

absl::StatusOr<milliseconds> ParseDuration(std::string_view text) {
  const std::string_view trimmed = TrimWhiteSpace(text);
  if (trimmed.size() < 2) return Invalid(text);
  const std::optional<milliseconds> unit = UnitNamed(trimmed.back());
  const std::string_view digits = trimmed.substr(0, trimmed.size() - 1);
  if (!unit || digits.find_first_not_of("0123456789") != std::string_view::npos) return Invalid(text);

  std::int64_t count = 0;
  const std::from_chars_result read = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  // Divided, not multiplied: the product might not fit.
  if (read.ec != std::errc() || count > kMaxDuration / *unit) return TooLong(text);
  return *unit * count;
}

}  // namespace meshwarden
