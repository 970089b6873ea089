// The moves that were asked for by no client of late, at one stream: any of its durables may have followed
// any of them. Rules only: no clock, no broker, no lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshwarden {

class AskedMoves {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 64;  // different ones; with more, every place counts as asked for

  // `next_seq`: where to, if that was told. `by`: whom it names; empty for nobody.
  void Add(std::optional<std::uint64_t> next_seq, std::string_view by, Time now);
  // Those of before `since` are over.
  void Forget(Time since);

  bool empty() const { return moves_.empty() && !beyond_.has_value(); }
  // Whether one that has not delivered since can have been moved to where `next_seq` comes next.
  bool Include(std::uint64_t next_seq) const;
  // Who asked for a move to there; or, if none names that place, who asked at all.
  std::vector<std::string> By(std::uint64_t next_seq) const;

 private:
  struct Move {
    std::optional<std::uint64_t> next_seq;
    std::string by;
    Time at;
  };

  std::vector<Move> moves_;
  std::optional<Time> beyond_;  // when there was no room for one
};

}  // namespace meshwarden
