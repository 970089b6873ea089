#include "manager/peers/number_window.h"

namespace meshwarden {

bool NumberWindow::Take(std::uint64_t number) {
  if (number > highest_) {
    const std::uint64_t step = number - highest_;
    taken_ = step < kSize ? taken_ << static_cast<std::size_t>(step) : std::bitset<kSize>();
    highest_ = number;
  }
  const std::uint64_t back = highest_ - number;
  if (back >= kSize || taken_.test(static_cast<std::size_t>(back))) return false;
  taken_.set(static_cast<std::size_t>(back));
  return true;
}

}  // namespace meshwarden
