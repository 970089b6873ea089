// Keeps what happens again and again from filling a log: each thing is told at once, and then so often at
// most. What is held back is counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace meshwarden {

// Not thread-safe.
class RepeatLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Options {
    std::chrono::milliseconds interval{60'000};
    std::size_t max_things = 4096;  // more within an interval are held back
  };
  explicit RepeatLimit(const Options& options) : options_(options) {}

  // How often `thing` was held back since it was told, if it is to be told now; nothing: hold it back.
  std::optional<std::uint64_t> Admit(const std::string& thing, Time now);

 private:
  struct Told {
    Time at;
    std::uint64_t held_back = 0;
  };

  const Options options_;
  std::unordered_map<std::string, Told> told_;
};

}  // namespace meshwarden
