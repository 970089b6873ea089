// Keeps what happens again and again from filling a log: each thing is told at once, and then so often at
// most. What is held back is counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace meshwarden {

// Not thread-safe.
class RepeatLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Options {
    std::chrono::milliseconds interval{60'000};
    std::size_t max_things = 4096;  // told apart within an interval
  };
  explicit RepeatLimit(const Options& options) : options_(options) {}

  // How often `message` about `of` was held back since it was told, if it is to be told now; nothing: hold it
  // back. Messages are the program's own words, and few. What they are about may be anybody's choice: where
  // there is no room for more of that within an interval, it counts as one thing for each message, so that
  // nobody can silence what is new.
  std::optional<std::uint64_t> Admit(std::string_view message, std::string_view of, Time now);

 private:
  struct Told {
    Time at;
    std::uint64_t held_back = 0;
  };
  using ToldOf = std::unordered_map<std::string, Told>;

  std::optional<std::uint64_t> AdmitOf(ToldOf& told_of, const std::string& thing, Time now) const;
  bool HasRoom(Time now);

  const Options options_;
  ToldOf things_;    // by message and what it is about
  ToldOf messages_;  // by message: of what there was no room for
};

}  // namespace meshwarden
