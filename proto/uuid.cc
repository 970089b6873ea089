#include "proto/uuid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

#include <array>
#include <cstddef>

namespace meshwarden {

std::string NewUuid() {
  std::array<unsigned char, 16> b{};
  randombytes_buf(b.data(), b.size());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);  // version 4
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);  // the variant of RFC 9562
  return fmt::format("{:02x}-{:02x}-{:02x}-{:02x}-{:02x}", fmt::join(b.begin(), b.begin() + 4, ""),
                     fmt::join(b.begin() + 4, b.begin() + 6, ""), fmt::join(b.begin() + 6, b.begin() + 8, ""),
                     fmt::join(b.begin() + 8, b.begin() + 10, ""), fmt::join(b.begin() + 10, b.end(), ""));
}

bool IsUuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = kDigits.find(text[i]) != std::string_view::npos;
    if (kShape[i] == 'x' ? !digit : text[i] != '-') return false;
  }
  return true;
}

}  // namespace meshwarden
