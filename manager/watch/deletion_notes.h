// Who deleted a chat durable of late, as the broker tells it. Rules only: no clock, no broker, no lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

class DeletionNotes {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // The broker tells of a deletion and of who asked for it at the same moment. What is older is about another
  // deletion, and would accuse whoever had to do with that.
  static constexpr std::chrono::seconds kHoldsFor{5};
  static constexpr std::size_t kMost = 256;

  // `user` asked to delete the durable of `id`; empty: nobody who can be named.
  void Note(const std::string& id, std::string_view user, Time now);
  // Who asked last, if that was a moment ago.
  std::optional<std::string> UserOf(const std::string& id, Time now) const;
  void Forget(const std::string& id) { notes_.erase(id); }

 private:
  struct Entry {
    std::string user;
    Time at;
  };

  std::map<std::string, Entry> notes_;  // by id
};

}  // namespace meshwarden
