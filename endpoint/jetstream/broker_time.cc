#include "endpoint/jetstream/broker_time.h"

#include <charconv>
#include <chrono>

namespace meshwarden {
namespace {

// Takes a number of just so many digits off the front, and what must follow it.
bool Take(std::string_view& text, std::size_t digits, std::string_view then, unsigned& number) {
  if (text.size() < digits + then.size() || text.substr(digits, then.size()) != then) return false;
  const char* const end = text.data() + digits;
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return false;
  text.remove_prefix(digits + then.size());
  return true;
}

// ".123Z" or "Z", and nothing behind it.
bool TakeFraction(std::string_view text, std::uint64_t& nanoseconds) {
  nanoseconds = 0;
  if (text == "Z") return true;
  if (text.size() < 3 || text.size() > 11 || text.front() != '.' || text.back() != 'Z') return false;
  std::uint64_t unit = 100'000'000;
  for (const char digit : text.substr(1, text.size() - 2)) {
    if (digit < '0' || digit > '9') return false;
    nanoseconds += static_cast<std::uint64_t>(digit - '0') * unit;
    unit /= 10;
  }
  return true;
}

}  // namespace

std::optional<std::uint64_t> NanosecondsOf(std::string_view time) {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::uint64_t fraction = 0;
  const bool read = Take(time, 4, "-", year) && Take(time, 2, "-", month) && Take(time, 2, "T", day) &&
                    Take(time, 2, ":", hour) && Take(time, 2, ":", minute) && Take(time, 2, "", second) &&
                    TakeFraction(time, fraction);
  if (!read || year < 1970 || year > 2500 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (!date.ok()) return std::nullopt;
  const std::chrono::sys_seconds whole = std::chrono::sys_days{date} + std::chrono::hours{hour} +
                                         std::chrono::minutes{minute} + std::chrono::seconds{second};
  return static_cast<std::uint64_t>(whole.time_since_epoch().count()) * 1'000'000'000 + fraction;
}

}  // namespace meshwarden
