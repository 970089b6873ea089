#include "manager/watch/asked_moves.h"

#include <algorithm>
#include <set>

namespace meshwarden {

void AskedMoves::Add(std::optional<std::uint64_t> next_seq, std::string_view by, Time now) {
  const auto same = std::find_if(moves_.begin(), moves_.end(), [&](const Move& move) {
    return move.next_seq == next_seq && move.by == by;
  });
  if (same != moves_.end()) {
    same->at = now;
  } else if (moves_.size() < kMost) {
    moves_.push_back({.next_seq = next_seq, .by = std::string(by), .at = now});
  } else {
    beyond_ = now;
  }
}

void AskedMoves::Forget(Time since) {
  std::erase_if(moves_, [since](const Move& move) { return move.at < since; });
  if (beyond_.has_value() && *beyond_ < since) beyond_ = std::nullopt;
}

bool AskedMoves::Include(std::uint64_t next_seq) const {
  return beyond_.has_value() || std::any_of(moves_.begin(), moves_.end(), [next_seq](const Move& move) {
           return move.next_seq == next_seq;
         });
}

std::vector<std::string> AskedMoves::By(std::uint64_t next_seq) const {
  std::set<std::string> there;
  std::set<std::string> anywhere;
  for (const Move& move : moves_) {
    if (move.by.empty()) continue;
    anywhere.insert(move.by);
    if (move.next_seq == next_seq) there.insert(move.by);
  }
  const std::set<std::string>& by = there.empty() ? anywhere : there;
  return {by.begin(), by.end()};
}

}  // namespace meshwarden
