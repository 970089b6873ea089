// Which of a row of numbered messages have come, so that a copy is known as one.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace meshwarden {

// Numbers may come out of order. One that lies far below the highest counts as having come. Not thread-safe.
class NumberWindow {
 public:
  // True the first time.
  bool Take(std::uint64_t number);

 private:
  static constexpr std::size_t kSize = 4096;

  std::uint64_t highest_ = 0;
  std::bitset<kSize> taken_;  // bit i: highest_ - i
};

}  // namespace meshwarden
